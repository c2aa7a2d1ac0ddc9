import { isDeepStrictEqual } from 'node:util';
import { providerReferenceOf } from '../../core/attempt.ts';
import {
  type Authorization,
  type AuthorizationStatus,
  HOLDS_PAYMENT,
  isAnswerable,
} from '../../core/authorization.ts';
import { sumOf } from '../../core/operation.ts';
import { hasWork, isNegative, settle } from '../../core/settlement.ts';
import { mayFollow } from '../../core/transitions.ts';
import { eventHash } from '../event-hash.ts';
import type { WholeEventRow } from '../journal-rows.ts';
import { authorizationFromEvents, type ReplayedEvent } from '../replay.ts';
import {
  type AttemptRow,
  type AuthorizationRow,
  authorizationFrom,
  type OperationRow,
} from '../stored-authorization.ts';
import type { Changes } from '../stored-changes.ts';
import { answerHash } from '../write-commands.ts';
import { COMPARE, type Finding, RESTORE } from './finding.ts';

/** Everything that the journal holds of one authorization, as it is stored. */
export interface StoredAuthorization {
  readonly row: Omit<AuthorizationRow, 'opened'> & {
    readonly merchant: string;
    readonly reference: string;
    readonly amount: number;
    readonly currency: string;
    readonly holds_payment: number;
    readonly unsettled: number;
    readonly lease_until_ms: number | null;
    readonly last_hash: string | null;
    readonly purged_before_ms: number | null;
  };
  readonly events: readonly WholeEventRow[];
  readonly attempts: readonly (AttemptRow & {
    readonly outcome_kind: string | null;
    readonly negative: number;
    readonly provider_reference: string | null;
  })[];
  readonly operations: readonly (OperationRow & {
    readonly answer_status: number | null;
    readonly answer_body: string | null;
  })[];
  readonly claims: readonly {
    readonly account: string;
    readonly merchant: string;
    readonly operation_number: number;
  }[];
  readonly hasWork: boolean;
}

/** An event that could be read. */
interface ReadEvent extends ReplayedEvent {
  readonly number: number;
  readonly changes: Changes | null;
}

const UNREADABLE = `nobody works on it until it can be read: ${RESTORE}, or ${COMPARE}`;

/**
 * What is wrong with one authorization: its chain of hashes, the states it went through, and whether its rows are what
 * its events add up to.
 * @param firstEvent row of the first event that has a hash
 */
export function authorizationFindings(stored: StoredAuthorization, firstEvent: number): readonly Finding[] {
  if (stored.row.purged_before_ms !== null) return purgedFindings(stored);
  const events = readEvents(stored);
  const found = readRows(stored);
  return [
    ...chainFindings(stored, firstEvent),
    ...events.findings,
    ...transitionFindings(stored, events.read),
    ...answerFindings(stored, events.read),
    ...claimFindings(stored),
    ...found.findings,
    ...(found.authorization === null ? [] : stateFindings(stored, found.authorization)),
    // What cannot be read is told already, and nothing follows from it.
    ...(found.authorization === null || events.findings.length > 0
      ? []
      : replayFindings(stored, found.authorization, events.read, firstEvent)),
  ];
}

function purgedFindings(stored: StoredAuthorization): readonly Finding[] {
  const { row, events, attempts, operations, claims } = stored;
  const findings: Finding[] = [];
  const left = events.length + attempts.length + operations.length + claims.length;
  if (left > 0 || stored.hasWork || row.last_hash !== null) {
    const what = `is purged, and ${left} rows of it are still there`;
    findings.push({ where: row.id, what, remedy: RESTORE });
  }
  if (row.open === 1 || row.unsettled === 1) {
    const what = `was purged while it was ${row.open === 1 ? 'open' : row.status}`;
    findings.push({ where: row.id, what, remedy: `money may stand: ${RESTORE}, or ${COMPARE}` });
  }
  return findings;
}

// ---------------------------------------------------------------------------------------- events

function chainFindings({ row, events }: StoredAuthorization, firstEvent: number): readonly Finding[] {
  const findings: Finding[] = [];
  let previous: string | null = null;
  let expected = 1;
  for (const event of events) {
    const where = `${row.id}, event ${event.number}`;
    if (event.number > row.version) {
      const what = `is more than its ${row.version} changes: it was added, or the authorization was set back`;
      findings.push({ where, what, remedy: `${RESTORE}, or ${COMPARE}` });
    } else if (event.number > expected) findings.push(missing(row.id, expected, event.number - 1));
    expected = event.number + 1;
    if (event.hash === null && event.sequence < firstEvent) continue;
    if (event.hash === null) findings.push({ where, what: 'has no hash', remedy: RESTORE });
    else if (event.hash !== hashOf(previous, row.id, event)) {
      const what =
        'does not fit its hash and the event before: one of them was changed, or an event between taken away';
      findings.push({ where, what, remedy: `${RESTORE}, or ${COMPARE}` });
    }
    previous = event.hash;
  }
  if (expected <= row.version) findings.push(missing(row.id, expected, row.version));
  if (previous !== row.last_hash) {
    const what = 'its last hash is not that of its last event: its end was changed or cut off';
    findings.push({ where: row.id, what, remedy: `${RESTORE}, or ${COMPARE}` });
  }
  return findings;
}

function missing(id: string, from: number, to: number): Finding {
  const what = from === to ? 'is missing' : `to ${to} are missing`;
  return { where: `${id}, event ${from}`, what, remedy: `${RESTORE}, or ${COMPARE}` };
}

function hashOf(previous: string | null, id: string, event: WholeEventRow): string {
  const { number, at_ms: atMs, actor, kind, data, answer_status, answer_body } = event;
  return eventHash(previous, id, {
    number,
    atMs,
    actor,
    kind,
    data,
    answerStatus: answer_status,
    answerBody: answer_body,
  });
}

interface ReadEvents {
  readonly read: readonly ReadEvent[];
  readonly findings: readonly Finding[];
}

function readEvents({ row, events }: StoredAuthorization): ReadEvents {
  const read: ReadEvent[] = [];
  const findings: Finding[] = [];
  for (const event of events) {
    const data = parsed(event.data);
    if (data === null) {
      const where = `${row.id}, event ${event.number}`;
      findings.push({ where, what: 'cannot be read', remedy: UNREADABLE });
      continue;
    }
    const { number, at_ms: atMs } = event;
    const changes = (data['changes'] as Changes | undefined) ?? null;
    read.push({ number, atMs, data, answers: event.answer_status !== null, changes });
  }
  return { read, findings };
}

function parsed(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

function transitionFindings({ row }: StoredAuthorization, events: readonly ReadEvent[]): readonly Finding[] {
  const findings: Finding[] = [];
  let status: AuthorizationStatus | null = null;
  let open: boolean | null = null;
  for (const { number, changes } of events) {
    const where = `${row.id}, event ${number}`;
    const next: AuthorizationStatus | null = changes?.status ?? status;
    if (status !== null && next !== null && !(status in HOLDS_PAYMENT && mayFollow(status, next))) {
      findings.push({ where, what: `makes it ${next} after ${status}, which may not be`, remedy: COMPARE });
    }
    if (open === false && changes?.open === true) {
      findings.push({ where, what: 'takes a road up again that was over', remedy: COMPARE });
    }
    status = next;
    open = changes?.open ?? open;
  }
  return findings;
}

function answerFindings(stored: StoredAuthorization, events: readonly ReadEvent[]): readonly Finding[] {
  const { row, operations } = stored;
  const findings: Finding[] = [];
  const frozen = events.filter(({ answers }) => answers).length;
  if (frozen !== row.answered) {
    const what = `has ${frozen} frozen answers, and is marked as ${row.answered === 1 ? '' : 'not '}answered`;
    findings.push({ where: row.id, what, remedy: RESTORE });
  }
  const told = new Map<string, string>();
  for (const { changes } of events) {
    for (const [number, hash] of Object.entries(changes?.operationAnswers ?? {})) told.set(number, hash);
  }
  for (const { number, answer_status: httpStatus, answer_body: body } of operations) {
    const hash = httpStatus === null || body === null ? undefined : answerHash({ httpStatus, body });
    if (hash === told.get(String(number))) continue;
    const where = `${row.id}, operation ${number}`;
    findings.push({ where, what: 'its answer is not the one that was given', remedy: RESTORE });
  }
  return findings;
}

function claimFindings({ row, claims, operations }: StoredAuthorization): readonly Finding[] {
  const findings: Finding[] = [];
  if (!claims.some((claim) => claim.operation_number === 0)) {
    const what = 'its idempotency key is gone: a caller who repeats the request is not recognized';
    findings.push({ where: row.id, what, remedy: RESTORE });
  }
  for (const claim of claims) {
    const isOurs = claim.account === row.account && claim.merchant === row.merchant;
    if (isOurs && claim.operation_number <= operations.length) continue;
    const what = 'an idempotency key names it that belongs to another account, merchant or operation';
    findings.push({ where: row.id, what, remedy: RESTORE });
  }
  return findings;
}

// ---------------------------------------------------------------------------------------- rows

interface ReadRows {
  readonly authorization: Authorization | null;
  readonly findings: readonly Finding[];
}

function readRows({ row, events, attempts, operations }: StoredAuthorization): ReadRows {
  const opened = events[0]?.number === 1 ? events[0].data : null;
  // That the first event is missing, or cannot be read, is told already.
  if (opened === null || parsed(opened) === null) return { authorization: null, findings: [] };
  try {
    const authorization = authorizationFrom({ row: { ...row, opened }, attempts, operations });
    // Touches what everything else rests on.
    settle(authorization);
    return { authorization, findings: [] };
  } catch {
    const what = 'its rows cannot be read: something in them is no JSON, or not the JSON that it should be';
    return { authorization: null, findings: [{ where: row.id, what, remedy: UNREADABLE }] };
  }
}

/** What must hold of the rows by themselves. */
function stateFindings(stored: StoredAuthorization, authorization: Authorization): readonly Finding[] {
  const { row } = stored;
  const { status, open, operations, request, capturedAmount, refundedAmount, authorizedAmount } =
    authorization;
  const findings: Finding[] = [];
  const claim = (holds: boolean, what: string, remedy: string) => {
    if (!holds) findings.push({ where: row.id, what, remedy });
  };
  const sums = [sumOf(operations, 'capture', ['succeeded']), sumOf(operations, 'refund', ['succeeded'])];
  claim(
    capturedAmount === sums[0],
    `captured is ${capturedAmount}, its captures add up to ${sums[0]}`,
    COMPARE,
  );
  claim(
    refundedAmount === sums[1],
    `refunded is ${refundedAmount}, its refunds add up to ${sums[1]}`,
    COMPARE,
  );
  claim(
    refundedAmount <= capturedAmount && capturedAmount <= authorizedAmount,
    `authorized ${authorizedAmount}, captured ${capturedAmount} and refunded ${refundedAmount} cannot be`,
    COMPARE,
  );
  const holds = HOLDS_PAYMENT[status] ? 1 : 0;
  claim(
    row.holds_payment === holds,
    `is ${status} and ${holds === 1 ? 'does not hold' : 'holds'} its payment`,
    `a second one of the same payment may be taken: ${RESTORE}`,
  );
  const unsettled = open || !isAnswerable(status) ? 1 : 0;
  claim(
    row.unsettled === unsettled,
    'is unsettled by its state, and not by its mark, or the reverse',
    RESTORE,
  );
  claim(
    row.merchant === request.merchant &&
      row.reference === request.reference &&
      row.amount === request.amount.value &&
      row.currency === request.amount.currency,
    'its merchant, reference, amount or currency is not what was asked for',
    RESTORE,
  );
  claim(!open || row.lease_until_ms !== null, 'is open, and no lease ends: nobody takes it up', RESTORE);
  claim(
    open || !hasWork(authorization) || stored.hasWork,
    `is ${status}, something is to be found out or done, and nobody is to look again`,
    `close it with evidence (POST /v1/attempts/{id}/resolutions or /v1/operations/{id}/resolutions), or ${RESTORE}`,
  );
  for (const attempt of stored.attempts) findings.push(...attemptFindings(row.id, attempt, authorization));
  return findings;
}

/** What an attempt's columns say of its outcome. */
function attemptFindings(
  id: string,
  row: StoredAuthorization['attempts'][number],
  authorization: Authorization,
): readonly Finding[] {
  const attempt = authorization.attempts.find(({ number }) => number === row.number);
  const outcome = attempt?.outcome ?? null;
  const isSame =
    row.outcome_kind === (outcome?.kind ?? null) &&
    row.provider_reference === (outcome === null ? null : providerReferenceOf(outcome)) &&
    (row.negative === 1) === (attempt !== undefined && isNegative(authorization, attempt));
  if (isSame) return [];
  const what =
    'its kind, reference or whether money may stand (negative) is not what its outcome says: ' +
    'another attempt might be made beside it';
  return [{ where: `${id}, attempt ${row.number}`, what, remedy: COMPARE }];
}

// ---------------------------------------------------------------------------------------- rows against events

function replayFindings(
  stored: StoredAuthorization,
  found: Authorization,
  events: readonly ReadEvent[],
  firstEvent: number,
): readonly Finding[] {
  const { row } = stored;
  const expected = replayed(row.id, events);
  if (expected === 'unreadable') {
    const what = 'its events do not add up to an authorization';
    return [{ where: row.id, what, remedy: UNREADABLE }];
  }
  if (expected === null) {
    const isEarlier = (stored.events[0]?.sequence ?? 0) < firstEvent;
    if (isEarlier) return settledFindings(row.id, found);
    const what = 'an event does not tell what it changed';
    return [{ where: row.id, what, remedy: RESTORE }];
  }
  // While its road is open what it rests on is not always written.
  const isOpenStill = found.open && found.provider === null;
  const whole = isOpenStill ? { ...expected, provider: null } : expected;
  return differences(row.id, whole, found);
}

function replayed(id: string, events: readonly ReplayedEvent[]): Authorization | null | 'unreadable' {
  try {
    return authorizationFromEvents(id, events);
  } catch {
    return 'unreadable';
  }
}

/** Of authorizations whose first events did not tell what they changed: the state that attempts and operations make. */
function settledFindings(id: string, found: Authorization): readonly Finding[] {
  const { status } = settle(found);
  if (found.open || found.attempts.length === 0 || status === found.status) return [];
  const what = `is ${found.status}, its attempts and operations make it ${status}`;
  return [{ where: id, what, remedy: COMPARE }];
}

function differences(id: string, expected: Authorization, found: Authorization): readonly Finding[] {
  const findings: Finding[] = [];
  for (const name of Object.keys(expected) as (keyof Authorization)[]) {
    // The chain of events has told of these.
    if (name === 'attempts' || name === 'operations' || name === 'version') continue;
    if (isDeepStrictEqual(expected[name], found[name])) continue;
    const what = `${spelt(name)} is ${shown(found[name])}, its events make it ${shown(expected[name])}`;
    findings.push({ where: id, what, remedy: COMPARE });
  }
  for (const list of ['attempts', 'operations'] as const) {
    const count = Math.max(expected[list].length, found[list].length);
    for (let index = 0; index < count; index += 1) {
      const what = difference(expected[list][index], found[list][index]);
      if (what === null) continue;
      const where = `${id}, ${list === 'attempts' ? 'attempt' : 'operation'} ${index + 1}`;
      findings.push({ where, what, remedy: COMPARE });
    }
  }
  return findings;
}

function difference(expected: object | undefined, found: object | undefined): string | null {
  if (expected === undefined) return 'no event tells of it: it was added';
  if (found === undefined) return 'its events tell of it, and it is gone';
  const values = found as Readonly<Record<string, unknown>>;
  const names = Object.entries(expected).filter(([name, value]) => !isDeepStrictEqual(value, values[name]));
  if (names.length === 0) return null;
  return `${names.map(([name]) => spelt(name)).join(', ')}: not what its events tell`;
}

/** A name as the interface spells it. */
function spelt(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Short values only: of the others it is enough to say that they differ. */
function shown(value: unknown): string {
  return typeof value === 'object' && value !== null ? 'another' : String(value);
}
