import { beforeAll, describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/cli/demo/gateway-client.ts';
import { type DemoPayment, PaymentMaker } from '../../../src/cli/demo/payment-maker.ts';
import { type SendOptions, sendPayments } from '../../../src/cli/demo/send-payments.ts';
import { loadBinTable } from '../../../src/config/default-bin-table.ts';

const answer = (status: string, id = 'auth_a'): string =>
  JSON.stringify({
    id,
    status,
    live: false,
    provider: 'sandbox-a',
    provider_reference: 'sbx_1',
    amounts: { authorized: 100 },
    attempts: [{ provider: 'sandbox-a', outcome: 'approved', code: null, duration_ms: 3 }],
    routing: { rule: 'fallback', candidates: [] },
  });

const reply = (status: number, text: string, replayed = false): Reply => ({
  kind: 'answered',
  status,
  text,
  replayed,
  latencyMs: 1,
});
const LIVE_PAYMENT = reply(409, '{"type":"/problems/payment-live"}');

let made: readonly DemoPayment[];

beforeAll(async () => {
  const maker = new PaymentMaker(await loadBinTable([]), 'send', 'run');
  made = Array.from({ length: 90 }, () => maker.next());
});

/** A gateway that keeps its promises, unless `change` says otherwise. */
function options(
  payments: readonly DemoPayment[],
  change: (key: string, times: number) => Reply | null = () => null,
): SendOptions & { readonly phases: string[]; readonly keys: string[] } {
  const phases: string[] = [];
  const keys: string[] = [];
  return {
    payments,
    concurrency: 4,
    phases,
    keys,
    client: {
      authorize(key) {
        const times = keys.filter((known) => known === key).length;
        keys.push(key);
        const usual = key.endsWith('-2') ? LIVE_PAYMENT : reply(201, answer('approved'), times > 0);
        return Promise.resolve(change(key, times) ?? usual);
      },
    },
    enterPhase: (phase) => Promise.resolve(void phases.push(`${phase.name} ${keys.length}`)),
    onSent: () => {},
    signal: new AbortController().signal,
  };
}

const plain = (repeated: boolean, askedAgain: boolean): DemoPayment[] =>
  made.map((payment) => ({ ...payment, repeated, askedAgain }));

describe('sendPayments', () => {
  it('sends every payment once, through all phases in order', async () => {
    const run = options(plain(false, false));
    const { sent } = await sendPayments(run);
    expect(sent.length).toBe(90);
    expect(new Set(run.keys).size).toBe(90);
    expect(run.phases.map((phase) => phase.split(' ')[0])).toEqual([
      'healthy',
      'brown-out',
      'outage',
      'recovered',
    ]);
    const perPhase = ['healthy', 'brown-out', 'outage', 'recovered'].map(
      (name) => sent.filter(({ phase }) => phase === name).length,
    );
    expect(perPhase.reduce((sum, each) => sum + each)).toBe(90);
    expect(Math.min(...perPhase)).toBeGreaterThan(0);
  });

  it('sees that a gateway keeps its promises about keys', async () => {
    const { looks } = await sendPayments(options(plain(true, true)));
    expect(looks).toEqual({ repeats: 90, repeatsDiffering: [], secondKeys: 90, secondKeysTaken: [] });
  });

  it('sees a repeated answer that differs, or is no replay', async () => {
    const differs = options(plain(true, false), (_, times) =>
      times > 0 ? reply(201, answer('approved', 'auth_b'), true) : null,
    );
    expect((await sendPayments(differs)).looks.repeatsDiffering.length).toBe(90);
    const unmarked = options(plain(true, false), () => reply(201, answer('approved')));
    expect((await sendPayments(unmarked)).looks.repeatsDiffering.length).toBe(90);
  });

  it('sees a second key that is taken, and asks for pending payments with one', async () => {
    const takes = options(plain(false, true), (key) =>
      key.endsWith('-2') ? reply(201, answer('approved')) : null,
    );
    expect((await sendPayments(takes)).looks.secondKeysTaken.length).toBe(90);
    const pending = options(plain(false, false), (key) =>
      key.endsWith('-1') ? reply(202, answer('pending')) : null,
    );
    const { looks } = await sendPayments(pending);
    expect(looks).toMatchObject({ secondKeys: 40, secondKeysTaken: [] });
  });

  it('keeps what was refused or unanswered apart', async () => {
    const run = options(plain(true, true), (key) =>
      key.includes('-00001-')
        ? { kind: 'no_answer', latencyMs: 1 }
        : key.includes('-00002-')
          ? reply(503, '{"type":"/problems/no-route"}')
          : key.includes('-00003-')
            ? reply(502, '<html>')
            : null,
    );
    const { sent } = await sendPayments(run);
    const refusals = sent.filter(({ answer: found }) => found === null).map(({ refusal }) => refusal);
    expect(refusals.sort()).toEqual(['/problems/no-route', 'no answer', 'no problem document']);
  });

  it('gives up on a gateway that is gone', async () => {
    const run = options(plain(false, false), () => ({ kind: 'no_answer', latencyMs: 1 }));
    await expect(sendPayments(run)).rejects.toThrow('20 calls in a row unanswered');
    expect(run.keys.length).toBeLessThan(30);
  });

  it.each([401, 403])(
    'says which key it needs when it is turned away (%i), and passes nothing',
    async (status) => {
      const run = options(plain(false, false), () => reply(status, '{"type":"/problems/out-of-scope"}'));
      await expect(sendPayments(run)).rejects.toThrow(
        `answered ${status}; give --key with the scopes authorize and read`,
      );
      expect(run.keys.length).toBeLessThan(10);
    },
  );

  it('sends nothing more once it is stopped', async () => {
    const stop = new AbortController();
    const run = options(plain(false, false), () => {
      stop.abort();
      return null;
    });
    const { sent } = await sendPayments({ ...run, signal: stop.signal });
    expect(sent.length).toBeLessThanOrEqual(4);
  });
});
