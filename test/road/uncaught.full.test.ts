import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { paymentBody } from '../support/gateway-files.ts';
import { authorizationIn, startGateway } from '../support/start-gateway.ts';

/** A card number, which no log may hold, wherever the fault has it from. */
const CARD = '4111111111111111';

const cases: readonly {
  readonly what: string;
  readonly fault: string;
  readonly options?: string;
  readonly told: Readonly<Record<string, unknown>>;
}[] = [
  {
    what: 'a rejected promise that nobody took',
    fault: `Promise.reject(new TypeError('no such thing: ${CARD}'))`,
    told: { origin: 'unhandledRejection', error: expect.stringMatching(/^TypeError: no such thing: /) },
  },
  {
    what: 'the same where Node was told to warn of it only',
    fault: `Promise.reject(new TypeError('no such thing: ${CARD}'))`,
    options: '--unhandled-rejections=warn',
    told: { origin: 'unhandledRejection', error: expect.stringMatching(/^TypeError: no such thing: /) },
  },
  {
    what: 'a rejection by something that is no error',
    fault: `Promise.reject('only a text with ${CARD}')`,
    told: { origin: 'unhandledRejection', error: expect.stringMatching(/^only a text with /) },
  },
  {
    what: 'an exception in a timer',
    fault: `setTimeout(() => { throw new RangeError('out of ${CARD}'); }, 1)`,
    told: { origin: 'uncaughtException', error: expect.stringMatching(/^RangeError: out of /) },
  },
];

describe('a fault that nobody took', () => {
  const preload = join(tmpdir(), `faults-${process.pid}.mjs`);
  beforeAll(() => {
    // The fault is that of the variable: in the gateway, when it is told to.
    writeFileSync(preload, `process.on('SIGUSR2', () => (0, eval)(process.env.FAULT));\n`);
  });
  afterAll(() => rmSync(preload, { force: true }));

  it.each(cases)('ends the process with one line that says so: $what', async ({ fault, options, told }) => {
    const NODE_OPTIONS = `--import=${preload} ${options ?? ''}`;
    await using gateway = await startGateway({ env: { NODE_OPTIONS, FAULT: fault } });
    const paid = authorizationIn(await gateway.authorize(paymentBody('order-1'), 'key-1'));
    expect(paid.status).toBe('approved');
    gateway.signal('SIGUSR2');
    expect((await gateway.ended()).code).toBe(70);
    const { output } = gateway;
    expect(output.events('uncaught')).toEqual([
      expect.objectContaining({
        ...told,
        level: 'error',
        exit_code: 70,
        next: expect.stringContaining('found out by the next one'),
      }),
    ]);
    expect(output.events('stopped')).toEqual([]);
    expect(output.events('authorization')).toEqual([expect.objectContaining({ authorization_id: paid.id })]);
    expect(output.text()).not.toContain(CARD);
    await gateway.restart();
    const again = authorizationIn(await gateway.authorize(paymentBody('order-1'), 'key-1'));
    expect(again.id).toBe(paid.id);
    expect(await gateway.sandbox.entriesOf('order-1')).toEqual([]);
  });
});
