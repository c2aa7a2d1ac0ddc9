import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextStepSchema, problemSchema } from '../../src/edge/answer-schemas.ts';
import { createApp } from '../../src/edge/app.ts';
import { DecisionWorld } from '../support/decision-world.ts';
import { BODY, edgeFixture, post } from './edge-fixture.ts';

const SEED = Number(process.env['FUZZ_SEED'] ?? 20_261_123);
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 1) * 300;

const OUTCOMES = [
  'approved',
  'partially_approved',
  'declined',
  'authentication_required',
  'pending',
  'rejected',
  'not_sent',
  'unknown',
];

/** Mostly what is right, now and then anything. */
const mostly = (right: fc.Arbitrary<unknown>) =>
  fc.oneof({ weight: 9, arbitrary: right }, { weight: 1, arbitrary: fc.jsonValue() });

/** Whether a report is made one about the attempt that was offered last. */
const AIM = fc.boolean();

const REPORT = fc.record(
  {
    provider: mostly(fc.constantFrom('sandbox-a', 'sandbox-b', 'sandbox-c')),
    attempt: mostly(fc.constantFrom(1, 2, 3)),
    outcome: mostly(fc.constantFrom(...OUTCOMES)),
    code: mostly(fc.constantFrom('issuer_05', 'issuer_51', '429', 'whatever', null)),
    network_code: mostly(fc.constantFrom('05', '51', null)),
    advice: mostly(fc.constantFrom('03', '24', null)),
    latency_ms: mostly(fc.constantFrom(0, 212.5, null)),
  },
  { requiredKeys: ['provider', 'attempt', 'outcome'] },
);

describe(`any body (seed ${SEED})`, () => {
  it('a sequence of reports never fails, never offers two at once, and answers a repeat as before', async () => {
    const world = new DecisionWorld();
    const { deps, faults } = edgeFixture({
      decide: (command) => world.decisions.decide(command),
      report: (command) => world.decisions.report(command),
      clock: world.clock,
    });
    const app = createApp(deps);
    const send = async (path: string, body: unknown) => {
      const response = await app.request(path, post(body, { 'idempotency-key': undefined }));
      return { status: response.status, json: (await response.json()) as Record<string, unknown> };
    };
    const seen = { taken: 0, refused: 0, offered: 0 };
    let payments = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(AIM, fc.oneof({ weight: 5, arbitrary: REPORT }, fc.jsonValue())), {
          minLength: 1,
          maxLength: 6,
        }),
        async (reports) => {
          payments += 1;
          const card = { ...BODY.card, id: `card-${payments}`, account_reference: null };
          const decided = await send('/v1/decisions', {
            ...BODY,
            card,
            three_ds: null,
            reference: `r-${payments}`,
          });
          if (decided.status === 503) {
            // Everything is closed by what was reported: wait for it to be over.
            await world.clock.advance(700_000);
            return;
          }
          expect(decided.status).toBe(201);
          const id = String(decided.json['id']);
          for (const [isAimed, told] of reports) {
            const last = (await world.journal.findDecision(id))?.attempts.at(-1);
            const isObject = typeof told === 'object' && told !== null && !Array.isArray(told);
            const aim = { provider: last?.provider, attempt: last?.number };
            const report = isAimed && isObject ? { ...told, ...aim } : told;
            const answer = await send(`/v1/decisions/${id}/outcomes`, report);
            if (answer.status === 200) {
              seen.taken += 1;
              nextStepSchema.parse(answer.json);
              expect(await send(`/v1/decisions/${id}/outcomes`, report)).toEqual(answer);
            } else {
              seen.refused += 1;
              expect([400, 409, 422]).toContain(answer.status);
              problemSchema.parse(answer.json);
            }
          }
          const stored = await world.journal.findDecision(id);
          const attempts = stored?.attempts ?? [];
          seen.offered += attempts.length;
          for (const { outcome } of attempts.slice(0, -1)) {
            expect(['rejected', 'not_sent', 'declined']).toContain(outcome?.kind);
          }
          expect(new Set(attempts.map(({ provider }) => provider)).size).toBe(attempts.length);
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
    expect(faults).toEqual([]);
    expect(seen.taken).toBeGreaterThan(RUNS / 4);
    expect(seen.refused).toBeGreaterThan(RUNS / 4);
    expect(seen.offered).toBeGreaterThan(RUNS / 2);
  }, 60_000);
});
