import { type ServerCertificate, serverCertificate } from '../support/server-certificate.ts';

/** A fresh certificate for 127.0.0.1 that signed itself, and its key. */
export function selfSignedCertificate(): Pick<ServerCertificate, 'key' | 'cert'> {
  const { key, cert } = serverCertificate({ name: 'Pointsman test', hosts: ['127.0.0.1'] });
  return { key, cert };
}
