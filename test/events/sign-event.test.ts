import { describe, expect, it } from 'vitest';
import { signEvent } from '../../src/events/sign-event.ts';

const keyOf = (secret: string) => Buffer.from(secret.slice('whsec_'.length), 'base64');
/** The example that implementations of Standard Webhooks share. */
const KEY = keyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
const MESSAGE = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampS: 1_614_265_330,
  body: '{"test": 2432232314}',
};
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

describe('signatures by Standard Webhooks', () => {
  it('are those of the published example', () => {
    expect(signEvent([KEY], MESSAGE)).toBe(SIGNATURE);
  });

  it('have one part for each key, in their order', () => {
    const other = Buffer.alloc(32, 7);
    expect(signEvent([other, KEY], MESSAGE)).toBe(`${signEvent([other], MESSAGE)} ${SIGNATURE}`);
  });

  it.each([
    { ...MESSAGE, id: `${MESSAGE.id}x` },
    { ...MESSAGE, timestampS: MESSAGE.timestampS + 1 },
    { ...MESSAGE, body: MESSAGE.body.replace(' ', '') },
  ])('are of id, time and every byte of the body', (message) => {
    expect(signEvent([KEY], message)).not.toBe(SIGNATURE);
  });

  it('are of the bytes in UTF-8, as another implementation of HMAC computes it', async () => {
    const message = { ...MESSAGE, body: '{"name":"Zoë ✓"}' };
    const key = await crypto.subtle.importKey('raw', KEY, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
    const content = new TextEncoder().encode(`${message.id}.${message.timestampS}.${message.body}`);
    const mac = Buffer.from(await crypto.subtle.sign('HMAC', key, content)).toString('base64');
    expect(signEvent([KEY], message)).toBe(`v1,${mac}`);
  });
});
