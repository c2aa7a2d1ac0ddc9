import type { Authorization } from '../../src/core/authorization.ts';
import { newOperation } from '../../src/core/operation.ts';
import { settled } from '../../src/core/settlement.ts';
import type { Journal, WorkPlan } from '../../src/gateway/ports.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  refusedOpening,
  sampleConclusion,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleScope,
  sampleStep,
  T0,
  written,
} from './journal-fixtures.ts';

const WORK: WorkPlan = { step: 0, failures: 0, dueAtMs: T0 + 5_000, lease: null };
/** Amount of every sample. */
const AMOUNT = 4999;

/** An operation as the gateway begins it: with the caller's key, and somebody to look after it. */
export async function begun(
  journal: Journal,
  before: Authorization,
  kind: 'capture' | 'void' | 'refund',
  amount = AMOUNT,
): Promise<Authorization> {
  const attempt = before.attempts.at(-1);
  if (attempt === undefined) throw new Error('nothing to operate on');
  const operation = newOperation(before, attempt, {
    kind,
    purpose: 'requested',
    target: null,
    amount,
    final: false,
    createdAtMs: T0 + 250,
  });
  const after = settled({ ...before, operations: [...before.operations, operation] });
  const scope = sampleScope(before.id, { operation: `${kind} ${before.id}`, key: `key-${operation.id}` });
  const claim = { scope, bodyFingerprint: 'ef'.repeat(32) };
  return written(
    journal,
    sampleStep(before, after, {
      claim,
      work: WORK,
      event: { kind: 'operation_begun', actor: 'acme', atMs: T0 + 250 },
    }),
  );
}

/** The end of the last operation, with its answer; nothing is left to do. */
export function ended(journal: Journal, before: Authorization): Promise<Authorization> {
  const number = before.operations.length;
  const operationAnswers = new Map([[number, { httpStatus: 201, body: `{"number":${number}}` }]]);
  return written(journal, sampleEnd(before, number, {}, { work: null, operationAnswers }));
}

/**
 * A journal with something in every state, as a gateway leaves it: sealed, purged in part, with work for what is
 * unsettled. Authorizations: `auth_gone` (purged whole), `auth_skeleton` (its row is left), `auth_open`,
 * `auth_second` (open, after a failover), `auth_refused`, `auth_declined`, `auth_approved`, `auth_captured` (after a
 * failover), `auth_refunded` (in part), `auth_voided`, `auth_unknown`, `auth_reversing`, `auth_resolved`.
 */
export async function writeSampleHistory(journal: Journal): Promise<void> {
  await journal.secret();
  await concluded(journal, 'auth_gone', OUTCOMES.declined);
  const taken = await ended(
    journal,
    await begun(journal, await concluded(journal, 'auth_skeleton'), 'capture'),
  );
  await ended(journal, await begun(journal, taken, 'refund'));
  await opened(journal, 'auth_open');
  await journal.seal(T0, 4);
  await journal.purge(T0 + 1_000_000, 10);
  await journal.open(refusedOpening('auth_refused'));
  await written(journal, sampleFailOver(await opened(journal, 'auth_second')));
  const scheme = { cardKey: 'ab'.repeat(16), limits: [], nowMs: T0 };
  await concluded(journal, 'auth_declined', OUTCOMES.declined, { scheme });
  await concluded(journal, 'auth_approved');
  const second = await written(journal, sampleFailOver(await opened(journal, 'auth_captured')));
  const approved = await written(journal, sampleConclusion(second));
  await ended(journal, await begun(journal, approved, 'capture'));
  const captured = await ended(
    journal,
    await begun(journal, await concluded(journal, 'auth_refunded'), 'capture'),
  );
  await ended(journal, await begun(journal, captured, 'refund', 1000));
  await ended(journal, await begun(journal, await concluded(journal, 'auth_voided'), 'void'));
  const step = { work: WORK };
  await concluded(journal, 'auth_unknown', OUTCOMES.unknown, { step });
  await begun(journal, await concluded(journal, 'auth_reversing'), 'void');
  const unknown = await concluded(journal, 'auth_resolved', OUTCOMES.unknown, { step });
  await journal.seal(T0 + 60_000, 12);
  await written(journal, sampleFinding(unknown, 1, OUTCOMES.approved, { work: null }));
  await journal.registerRuleset('h1', { 'rules.yaml': 'rules: []' }, T0);
  await journal.registerRuleset('h2', {}, T0);
  for (const [index, version] of [1, 2, 1].entries()) {
    const move = { version, cause: 'activation', author: 'acme', reason: 'tests', atMs: T0 } as const;
    await journal.activateRuleset({ ...move, expected: index === 0 ? null : index });
  }
  await journal.keepNotice('psp', { eventId: 'e1', type: 't', attemptId: null, data: { note: 'é' } }, T0);
  for (const mode of ['drain', 'auto'] as const) {
    await journal.saveOverride({
      provider: 'sandbox-a',
      brand: null,
      merchant: null,
      mode,
      reason: 'tests',
      author: 'acme',
      createdAtMs: T0,
      expiresAtMs: null,
    });
  }
  while ((await journal.seal(T0 + 120_000, 12)) !== null);
  await opened(journal, 'auth_newest', { atMs: T0 + 130_000 });
}
