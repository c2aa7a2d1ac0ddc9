/** The parts of DER (X.690) that the certificates of tests are made of. */

export function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

export const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, Buffer.concat(parts));
export const objectId = (...bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes));
export const integer = (value: number): Buffer => der(0x02, Buffer.from([value]));
export const utcTime = (text: string): Buffer => der(0x17, Buffer.from(text));
export const bits = (content: Buffer): Buffer => der(0x03, Buffer.concat([Buffer.from([0]), content]));

/** As PEM, under the heading of a certificate. */
export function certificatePem(content: Buffer): string {
  // No line of it is empty, also where the last one is full: what follows would not be read.
  const text = content.toString('base64').replace(/.{64}(?!$)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
}
