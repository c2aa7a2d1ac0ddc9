import { X509Certificate } from 'node:crypto';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * Looks whether a text holds certificates of authorities in PEM. Node takes any text for some, and then believes nobody:
 * what is wrong would show as a connection that is never made.
 * @returns what is wrong with it; null: nothing
 */
export function authorityFault(text: string): string | null {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    const holdsKey = text.includes('PRIVATE KEY-----');
    return holdsKey ? 'it holds a private key and no certificate' : 'it holds no -----BEGIN CERTIFICATE-----';
  }
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch {
      return `its certificate number ${index + 1} cannot be read`;
    }
  }
  return null;
}
