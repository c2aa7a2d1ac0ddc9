import type { Journal } from '../../src/gateway/ports.ts';
import { sampleDecisionOpening, sampleDecisionStep, sampleOffer } from '../support/sample-decision.ts';
import {
  concluded,
  OUTCOMES,
  opened,
  refusedOpening,
  sampleBegin,
  sampleEnd,
  sampleFailOver,
  sampleFinding,
  sampleOpening,
  T0,
  written,
} from './journal-fixtures.ts';

const EXPOSURE = { experiment: 'x', arm: 'a', unit: 'u', phase: '{}', propensity: 1, redirectedFrom: null };

/** Writes something in every state, for each case to be tried on. */
export async function fillJournal(journal: Journal): Promise<void> {
  const gone = await written(journal, sampleBegin(await concluded(journal, 'auth_gone')));
  const taken = await written(journal, sampleEnd(gone, 1));
  await written(journal, sampleEnd(await written(journal, sampleBegin(taken, { kind: 'refund' })), 2));
  await opened(journal, 'auth_open');
  await journal.purge(T0 + 1_000_000, 10);
  await journal.open(refusedOpening('auth_refused'));
  await concluded(journal, 'auth_ended');
  await concluded(journal, 'auth_declined', OUTCOMES.declined);
  await concluded(journal, 'auth_rejected', OUTCOMES.rejected);
  await concluded(journal, 'auth_pending', OUTCOMES.pending);
  await concluded(journal, 'auth_worked', OUTCOMES.declined, {
    step: { work: { step: 0, failures: 0, dueAtMs: T0, lease: null } },
  });
  await concluded(journal, 'auth_partial', OUTCOMES.partialStanding);
  await concluded(journal, 'auth_reversed', OUTCOMES.partialReversed);
  await concluded(journal, 'auth_hiding', OUTCOMES.declinedHiding);
  const late = await concluded(journal, 'auth_late', OUTCOMES.rejected);
  await written(journal, sampleFinding(late, 1, OUTCOMES.approved));
  await written(journal, sampleFailOver(await opened(journal, 'auth_negative')));
  const undoing = await written(journal, sampleFailOver(await opened(journal, 'auth_undoing')));
  await written(journal, sampleFinding(undoing, 1, OUTCOMES.approved));
  const begun = await written(
    journal,
    sampleBegin(await concluded(journal, 'auth_captured'), { amount: 3000 }),
  );
  await written(journal, sampleEnd(begun, 1));
  const asked = await written(journal, sampleBegin(await concluded(journal, 'auth_void'), { kind: 'void' }));
  await written(journal, sampleEnd(asked, 1));
  await written(journal, sampleBegin(await concluded(journal, 'auth_voiding'), { kind: 'void' }));
  await journal.saveOverride({
    provider: 'sandbox-a',
    brand: null,
    merchant: null,
    mode: 'drain',
    reason: 'tests',
    author: 'acme',
    createdAtMs: T0,
    expiresAtMs: null,
  });
  await journal.keepNotice('psp', { eventId: 'e1', type: 't', attemptId: null, data: {} }, T0);
  const subscription = {
    endpoint: 'orders',
    account: 'acme',
    types: 'all',
    includesAnswered: false,
  } as const;
  await journal.makeDeliveries(subscription, T0, 100);
  const told = await concluded(journal, 'auth_told', OUTCOMES.unknown);
  await written(journal, sampleFinding(told, 1, OUTCOMES.declined));
  await journal.makeDeliveries(subscription, T0, 100);
  await decide(journal);
  await journal.open({ ...sampleOpening('auth_exposed'), exposures: [EXPOSURE] });
  const state = { experiment: 'x', arm: 'a', state: 'stopped', reason: 'r', author: 'acme' } as const;
  await journal.saveArmState({ ...state, createdAtMs: T0 });
  await journal.saveExperimentLook('x', { atMs: T0, planned: null, data: '[]' });
  await journal.registerRuleset('h1', {}, T0);
  const activation = { version: 1, cause: 'folder', author: 'folder', reason: 'r', atMs: T0 } as const;
  await journal.activateRuleset({ ...activation, expected: null });
  await journal.seal(T0, 100);
  await journal.secret();
}

/** Decisions for callers that send themselves: one that waits for its report, one that was failed over. */
async function decide(journal: Journal): Promise<void> {
  const scope = { account: 'acme', merchant: 'acme-eu', operation: 'decide', key: 'k' };
  const exposures = [{ ...EXPOSURE, unit: 'v' }];
  await journal.openDecision(sampleDecisionOpening({ id: 'dec_open' }, { claim: scope, exposures }));
  const opening = sampleDecisionOpening({ id: 'dec_moved' });
  await journal.openDecision(opening);
  await journal.advanceDecision(sampleDecisionStep(opening.decision, OUTCOMES.rejected, sampleOffer(2)));
}

const OF = (id: string) => `(SELECT sequence FROM authorizations WHERE id = 'auth_${id}')`;
const AUTHORIZATION = (id: string, set: string) =>
  `UPDATE authorizations SET ${set}, version = version + 1 WHERE id = 'auth_${id}'`;
const ATTEMPT = (id: string, set: string) => `UPDATE attempts SET ${set} WHERE authorization = ${OF(id)}`;
const NEW_ATTEMPT = (id: string, number: number) =>
  `INSERT INTO attempts (authorization, number, id, provider, provider_key, fingerprint, propensity,
    started_at_ms, deadline_at_ms, owner)
   VALUES (${OF(id)}, ${number}, 'x', 'p', 'k', 'f', 1, 1, 2, 'o')`;
const NEW_OPERATION = (id: string, number: number, kind: string, amount: number, attempt = 1) =>
  `INSERT INTO operations (authorization, number, id, kind, purpose, attempt_number, amount, final, status, provider_key,
    created_at_ms)
   VALUES (${OF(id)}, ${number}, 'x', '${kind}', 'requested', ${attempt}, ${amount}, 0, 'pending', 'k', 1)`;
const NOT_SENT = ATTEMPT('open', "outcome_kind = 'not_sent', outcome = '{}', negative = 1");
const NEW_EVENT = (id: string, number: number, hash: string) =>
  `INSERT INTO events (authorization, number, at_ms, actor, kind, data, hash, answer_status, answer_body)
   VALUES (${OF(id)}, ${number}, 1, 'x', 'x', '{}', ${hash}, 201, '{}')`;

/** SQL as SQLite has it; several statements are done one after the other, and the last is refused. */
export type GuardCase = readonly [what: string, sql: string, why: RegExp];

const AUTHORIZATION_CASES: readonly GuardCase[] = [
  ['deleting an authorization', "DELETE FROM authorizations WHERE id = 'auth_declined'", /deleted only when/],
  [
    'deleting one that holds its payment',
    "DELETE FROM authorizations WHERE id = 'auth_gone'",
    /deleted only/,
  ],
  ['another amount', AUTHORIZATION('ended', 'amount = 1'), /asked for never changes/],
  [
    'a change without a version',
    "UPDATE authorizations SET provider = 'x' WHERE id = 'auth_ended'",
    /version by one/,
  ],
  ['a settled one that is unsettled', AUTHORIZATION('ended', 'unsettled = 1'), /unsettled is what/],
  ['taking a road up again', AUTHORIZATION('ended', 'open = 1, unsettled = 1'), /never taken up again/],
  ['taking an answer back', AUTHORIZATION('ended', 'answered = 0'), /stays given/],
  ['captured to approved', AUTHORIZATION('captured', "status = 'approved'"), /may not follow/],
  [
    'approved to declined',
    AUTHORIZATION('ended', "status = 'declined', holds_payment = 0"),
    /may not follow|may have moved/,
  ],
  [
    'letting a payment go while an attempt is out',
    AUTHORIZATION('open', "status = 'failed', holds_payment = 0, unsettled = 0, open = 0"),
    /may have moved money/,
  ],
  [
    'letting a payment go while an approval stands',
    AUTHORIZATION('voiding', "status = 'voided', holds_payment = 0, unsettled = 0"),
    /may have moved money/,
  ],
  ['a state that holds a payment and lets it go', AUTHORIZATION('ended', 'holds_payment = 0'), /FOREIGN KEY/],
  [
    'a sum that no capture adds up to',
    AUTHORIZATION('ended', 'captured_amount = 1'),
    /sums of the operations/,
  ],
  [
    'a sum that no refund adds up to',
    AUTHORIZATION('captured', 'refunded_amount = 1'),
    /sums of the operations/,
  ],
  ['purging what is open', AUTHORIZATION('open', 'purged_before_ms = 1'), /not purged/],
  ['purging what is approved', AUTHORIZATION('ended', 'purged_before_ms = 1'), /not purged/],
  ['purging what is captured in part', AUTHORIZATION('captured', 'purged_before_ms = 1'), /not purged/],
  [
    'purging what was changed since',
    AUTHORIZATION('declined', 'purged_before_ms = 1'),
    /changed since is not purged/,
  ],
  ['purging what has work', AUTHORIZATION('worked', 'purged_before_ms = 1'), /not purged/],
  ['purging what is being undone', AUTHORIZATION('late', 'purged_before_ms = 1'), /not purged/],
  ['changing what is purged', AUTHORIZATION('gone', "provider = 'x'"), /purged never changes/],
  [
    'an authorization that begins approved',
    `INSERT INTO authorizations (id, account, merchant, reference, live, amount, currency, trace_id, created_at_ms, status)
     VALUES ('x', 'a', 'm', 'r', 0, 1, 'EUR', 't', 1, 'approved')`,
    /begins with its road open/,
  ],
  [
    'two authorizations that hold one payment',
    `INSERT INTO authorizations (id, account, merchant, reference, live, amount, currency, trace_id, created_at_ms)
     SELECT 'second', account, merchant, reference, live, amount, currency, trace_id, created_at_ms
     FROM authorizations WHERE id = 'auth_ended'`,
    /UNIQUE/,
  ],
];

const ATTEMPT_CASES: readonly GuardCase[] = [
  [
    'deleting an attempt',
    `DELETE FROM attempts WHERE authorization = ${OF('declined')}`,
    /deleted only with/,
  ],
  ['a second attempt while the first is out', NEW_ATTEMPT('open', 2), /not definitely negative/],
  ['a second attempt after an approval', NEW_ATTEMPT('ended', 2), /not definitely negative/],
  ['a third attempt while the second is out', NEW_ATTEMPT('negative', 3), /not definitely negative/],
  ['another first attempt', NEW_ATTEMPT('open', 1), /UNIQUE/],
  ['an attempt of a road that is over', NEW_ATTEMPT('rejected', 2), /road of this authorization is over/],
  [
    'an attempt of an open road that has let its payment go',
    `${NOT_SENT}; ${AUTHORIZATION('open', "status = 'failed', holds_payment = 0")}; ${NEW_ATTEMPT('open', 2)}`,
    /road of this authorization is over/,
  ],
  ['skipping a number', `${NOT_SENT}; ${NEW_ATTEMPT('open', 3)}`, /numbered/],
  [
    'an attempt while another is being undone',
    `${ATTEMPT('undoing', "outcome_kind = 'rejected', outcome = '{}', negative = 1").replace(
      'WHERE',
      'WHERE number = 2 AND',
    )}; ${NEW_ATTEMPT('undoing', 3)}`,
    /being undone/,
  ],
  [
    'an attempt that begins with an outcome',
    `INSERT INTO attempts SELECT ${OF('refused')}, 1, id, provider, provider_key, fingerprint, propensity, started_at_ms,
       deadline_at_ms, owner, card_key, scheme_counts, blocked_until_ms, block_reason, 'rejected', '{}', 1, NULL, NULL, NULL, NULL
     FROM attempts WHERE authorization = ${OF('open')}`,
    /begins without an outcome/,
  ],
  [
    'taking an approval back',
    ATTEMPT('ended', "outcome_kind = 'not_sent', negative = 1"),
    /definite outcome/,
  ],
  ['another outcome of the same kind', ATTEMPT('ended', "outcome = '{}'"), /definite outcome/],
  [
    'another transaction of the network',
    ATTEMPT('ended', "outcome = json_set(outcome, '$.networkTransaction', 'x')"),
    /definite outcome/,
  ],
  [
    'something else than what was not told',
    ATTEMPT('ended', "outcome = json_set(outcome, '$.x', 1)"),
    /definite outcome/,
  ],
  ['an approval without its kind', ATTEMPT('ended', 'outcome_kind = NULL'), /definite outcome/],
  ['an approval under another reference', ATTEMPT('ended', "provider_reference = 'x'"), /definite outcome/],
  ['an approval in another time', ATTEMPT('ended', 'duration_ms = 7'), /definite outcome/],
  [
    'a decline with a transaction of the network',
    ATTEMPT('declined', "outcome = json_set(outcome, '$.networkTransaction', 'x')"),
    /definite outcome/,
  ],
  ['an approval of what was declined', ATTEMPT('declined', "outcome_kind = 'approved'"), /definite outcome/],
  ['an outcome that says less', ATTEMPT('pending', "outcome_kind = 'unknown', outcome = '{}'"), /says more/],
  ['an outcome taken back', ATTEMPT('pending', 'outcome_kind = NULL, outcome = NULL'), /says more/],
  ['money that stands again', ATTEMPT('declined', 'negative = 0'), /stays undone/],
  ['an approval that nobody undid', ATTEMPT('ended', 'negative = 1'), /no void has undone/],
  ['one whose void is only under way', ATTEMPT('voiding', 'negative = 1'), /no void has undone/],
  ['a partial approval that nobody undid', ATTEMPT('partial', 'negative = 1'), /no void has undone/],
  ['a hidden approval that nobody undid', ATTEMPT('hiding', 'negative = 1'), /no void has undone/],
  [
    'calling an unknown negative',
    ATTEMPT('open', "outcome_kind = 'unknown', outcome = '{}', negative = 1"),
    /FOREIGN KEY/,
  ],
  ['an outcome of no known kind', ATTEMPT('open', "outcome_kind = 'lost', outcome = '{}'"), /FOREIGN KEY/],
  ['another provider for an intent', ATTEMPT('open', "provider = 'x'"), /intent never changes/],
  ['another card for an intent', ATTEMPT('open', "card_key = 'x'"), /intent never changes/],
  [
    'an attempt that begins with something prepared',
    `${NOT_SENT}; ${NEW_ATTEMPT('open', 2).replace('owner)', 'owner, prepared_reference)').replace("'o')", "'o', 'pi_1')")}`,
    /prepared before/,
  ],
  ['preparing something after the outcome', ATTEMPT('pending', "prepared_reference = 'pi_1'"), /noted once/],
  ['counting without a card', ATTEMPT('open', 'scheme_counts = 1'), /CHECK/],
];

const OPERATION_CASES: readonly GuardCase[] = [
  [
    'deleting an operation',
    `DELETE FROM operations WHERE authorization = ${OF('captured')}`,
    /deleted only with/,
  ],
  ['skipping a number', NEW_OPERATION('ended', 2, 'capture', 1), /numbered/],
  [
    'another amount',
    `UPDATE operations SET amount = 1 WHERE authorization = ${OF('voiding')}`,
    /never changes/,
  ],
  [
    'changing how it ended',
    `UPDATE operations SET status = 'failed' WHERE authorization = ${OF('captured')}`,
    /ended never changes/,
  ],
  [
    'a capture of what is not known to be approved',
    NEW_OPERATION('pending', 1, 'capture', 1),
    /only what was authorized/,
  ],
  ['a capture of what is being undone', NEW_OPERATION('voiding', 2, 'capture', 1), /being undone/],
  ['a capture of what was undone', NEW_OPERATION('void', 2, 'capture', 1), /and stands/],
  ['a capture of what the provider reversed', NEW_OPERATION('reversed', 1, 'capture', 1), /and stands/],
  [
    'a capture of what was undone in the same change',
    `${NEW_OPERATION('ended', 1, 'void', 1)}; UPDATE operations SET status = 'succeeded', settled_at_ms = 1
     WHERE authorization = ${OF('ended')}; ${NEW_OPERATION('ended', 2, 'capture', 1)}`,
    /being undone/,
  ],
  ['a capture beyond what was authorized', NEW_OPERATION('captured', 2, 'capture', 2000), /captures exceed/],
  [
    'a capture beyond a partial approval',
    `UPDATE operations SET status = 'failed', settled_at_ms = 1 WHERE authorization = ${OF('partial')};
     ${NEW_OPERATION('partial', 2, 'capture', 1001)}`,
    /captures exceed/,
  ],
  ['a void of what was undone', NEW_OPERATION('void', 2, 'void', 1), /undone already/],
  ['a void of what was captured', NEW_OPERATION('captured', 2, 'void', 1), /not voided/],
  ['two voids at once', NEW_OPERATION('voiding', 2, 'void', 1), /UNIQUE/],
  ['a refund beyond what was captured', NEW_OPERATION('captured', 2, 'refund', 3001), /refunds exceed/],
  ['a refund of nothing', NEW_OPERATION('captured', 2, 'refund', 0), /CHECK/],
  ['an operation about no attempt', NEW_OPERATION('ended', 1, 'void', 1, 2), /FOREIGN KEY/],
  [
    'an operation that ended at no time',
    `UPDATE operations SET status = 'succeeded' WHERE authorization = ${OF('voiding')}`,
    /CHECK/,
  ],
];

const OTHER_CASES: readonly GuardCase[] = [
  ['changing an event', "UPDATE events SET data = '{}'", /append-only/],
  ['unfreezing an answer', 'UPDATE events SET answer_status = NULL, answer_body = NULL', /append-only/],
  ['deleting an event', 'DELETE FROM events', /append-only/],
  ['replacing an event', 'REPLACE INTO events SELECT * FROM events', /append-only|frozen once/],
  ['an event without a hash', NEW_EVENT('open', 2, 'NULL'), /with its hash/],
  ['a second answer', NEW_EVENT('ended', 3, "'h'"), /frozen once/],
  ['changing an override', "UPDATE overrides SET author = 'x'", /append-only/],
  ['deleting an override', 'DELETE FROM overrides', /append-only/],
  ['forgetting a key', `DELETE FROM claims WHERE authorization = ${OF('ended')}`, /forgotten only with/],
  ['another use of a key', "UPDATE claims SET body_fingerprint = 'x'", /never changes/],
  ['deleting the hash of a purged event', 'DELETE FROM purged_events', /append-only/],
  ['changing the hash of a purged event', "UPDATE purged_events SET hash = 'x'", /append-only/],
  ['deleting a seal', 'DELETE FROM seals', /append-only/],
  ['changing a seal', "UPDATE seals SET digest = 'x'", /append-only/],
  ['moving the beginning of the hashes', 'UPDATE hash_chain SET first_event = 99', /never changes/],
  ['deleting the beginning of the hashes', 'DELETE FROM hash_chain', /never changes/],
  ['another secret', 'UPDATE secrets SET value = randomblob(32)', /made once/],
  ['deleting a secret', 'DELETE FROM secrets', /made once/],
  ['a short secret', "INSERT INTO secrets (name, value) VALUES ('x', randomblob(31))", /CHECK/],
  ['deleting a notice that nobody dealt with', 'DELETE FROM notices', /until somebody/],
  ['changing a notice', "UPDATE notices SET data = '{}'", /never changes/],
  ['telling an endpoint of the past again', 'UPDATE event_cursors SET through_event = 0', /not made again/],
  ['changing what an endpoint is told', "UPDATE deliveries SET type = 'x'", /never changes/],
  ['a delivery that waits for nothing', 'UPDATE deliveries SET due_at_ms = NULL', /CHECK/],
  ['changing an exposure', "UPDATE exposures SET arm = 'b'", /exposure never changes/],
  ['deleting an exposure', 'DELETE FROM exposures', /only with its authorization/],
  ['changing a phase', "UPDATE experiment_phases SET plan = 'x'", /never changes/],
  ['deleting a phase', 'DELETE FROM experiment_phases', /phases are append-only/],
  ['changing who stopped an arm', "UPDATE arm_states SET author = 'x'", /append-only/],
  ['deleting that an arm was stopped', 'DELETE FROM arm_states', /append-only/],
  ['changing a look', "UPDATE experiment_looks SET data = 'x'", /append-only/],
  ['changing a ruleset', "UPDATE rulesets SET files = '{}'", /append-only/],
  ['deleting a ruleset', 'DELETE FROM rulesets', /append-only/],
  ['changing who activated a ruleset', "UPDATE ruleset_activations SET author = 'x'", /append-only/],
  ['deleting that a ruleset was activated', 'DELETE FROM ruleset_activations', /append-only/],
  [
    'replacing an activation',
    'REPLACE INTO ruleset_activations SELECT * FROM ruleset_activations',
    /numbered 1, 2|append-only/,
  ],
  [
    'an activation after one that is not there',
    `INSERT INTO ruleset_activations VALUES (3, 1, 'folder', 'folder', 'r', 1, 1)`,
    /numbered 1, 2/,
  ],
  [
    'an activation of a cause that is none',
    `INSERT INTO ruleset_activations VALUES (2, 1, 'chance', 'x', 'r', 1, 1)`,
    /CHECK/,
  ],
  [
    'an activation of a ruleset that is not registered',
    `INSERT INTO ruleset_activations VALUES (2, 9, 'folder', 'x', 'r', 1, 1)`,
    /FOREIGN KEY/,
  ],
  [
    'a way back that leads forward',
    `INSERT INTO ruleset_activations VALUES (2, 1, 'folder', 'x', 'r', 1, 2)`,
    /CHECK/,
  ],
  ['deleting a look', 'DELETE FROM experiment_looks', /append-only/],
  ['changing what a notice names', "UPDATE notices SET operation_id = 'x'", /never changes/],
];

const DECIDED = (id: string) => `(SELECT sequence FROM decisions WHERE id = 'dec_${id}')`;
const NEW_OFFER = (id: string, number: number) =>
  `INSERT INTO decision_attempts (decision, number, provider, propensity, offered_at_ms)
   VALUES (${DECIDED(id)}, ${number}, 'p', 1, 1)`;

const DECISION_CASES: readonly GuardCase[] = [
  [
    'offering a second provider before the first is negative',
    NEW_OFFER('open', 2),
    /not definitely negative/,
  ],
  [
    'a second use of a key of a decision',
    `INSERT INTO decisions (sequence, id, account, merchant, key, body_fingerprint, version, amount, currency, created_at_ms,
      expires_at_ms, data, answer_status, answer_body, awaits_report, counted_unreported, reference)
     SELECT 99, 'dec_x', account, merchant, key, body_fingerprint, version, amount, currency, created_at_ms, expires_at_ms,
      data, answer_status, answer_body, awaits_report, 0, reference
     FROM decisions WHERE id = 'dec_open'`,
    /UNIQUE/,
  ],
  ['another answer of a decision', "UPDATE decisions SET answer_body = '{}'", /decided never changes/],
  ['a version of a decision that is skipped', 'UPDATE decisions SET version = version + 2', /version by one/],
  [
    'another provider than was offered',
    "UPDATE decision_attempts SET provider = 'x'",
    /what was offered never changes/,
  ],
  [
    'replacing a definite outcome that was reported',
    "UPDATE decision_attempts SET outcome_kind = 'approved', outcome = '{}' WHERE outcome_kind = 'rejected'",
    /reported never changes/,
  ],
  ['another payment of a decision', "UPDATE decisions SET reference = 'x'", /decided never changes/],
  [
    'another time of a definite outcome that was reported',
    'UPDATE decision_attempts SET outcome_at_ms = 1',
    /reported never changes/,
  ],
  ['other fees than were expected', 'UPDATE decision_attempts SET cost_bps = 1', /offered never changes/],
  ['changing an exposure of a decision', "UPDATE decision_exposures SET arm = 'b'", /exposure never changes/],
  ['deleting an exposure of a decision', 'DELETE FROM decision_exposures', /only with its decision/],
];

/** What no journal's schema may let pass, whatever the code above it does: once `fillJournal` has written to it. */
export const GUARD_CASES: readonly GuardCase[] = [
  ...AUTHORIZATION_CASES,
  ...ATTEMPT_CASES,
  ...OPERATION_CASES,
  ...OTHER_CASES,
  ...DECISION_CASES,
];
