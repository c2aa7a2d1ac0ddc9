import { createHmac } from 'node:crypto';

/**
 * The signatures of a message by Standard Webhooks 1.0.0: one for each key, with blanks between, so that a receiver who
 * has only one of two keys finds its own.
 * @param keys of HMAC-SHA256; at least one
 * @param message.id without dots
 * @param message.timestampS when it is sent, seconds since 1970
 * @param message.body byte for byte as it is sent
 */
export function signEvent(
  keys: readonly Uint8Array[],
  message: { readonly id: string; readonly timestampS: number; readonly body: string },
): string {
  const content = `${message.id}.${message.timestampS}.${message.body}`;
  return keys
    .map((key) => `v1,${createHmac('sha256', key).update(content, 'utf8').digest('base64')}`)
    .join(' ');
}
