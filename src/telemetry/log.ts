import pino from 'pino';
import { codeOf } from '../core/attempt.ts';
import { scrub } from '../core/cards/card-number.ts';
import type { Clock, Observer } from '../gateway/ports.ts';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Plain values of a line. Only these reach a log: no request, no header, no object that somebody else made. */
type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** What of the road is told in lines. */
export type LogObserver = Pick<
  Observer,
  | 'authorizationEnded'
  | 'callerDecided'
  | 'outcomeReported'
  | 'unmappedCode'
  | 'alert'
  | 'resolved'
  | 'sealed'
  | 'purged'
  | 'eventSent'
  | 'noticeTaken'
  | 'armChanged'
  | 'journalTook'
>;

/** JSON lines. Every text passes {@link scrub}. Methods never throw. */
export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** An exception: its message and stack, scrubbed. */
  fault(event: string, error: unknown, fields?: LogFields): void;
  /** Tells each authorization that ended, each decision and each report in one line, each look at what was unsettled, each unmapped code and alert. */
  readonly observer: LogObserver;
  /** Writes what is buffered; before the process ends. */
  flush(): void;
}

export interface LogSettings {
  readonly level: LogLevel;
  readonly clock: Clock;
  /** Where lines go; standard output when left out. */
  readonly destination?: { write(line: string): void };
}

/** Characters of lines that go to the operating system in one write. */
const BLOCK_LENGTH = 32 * 1024;
/** The longest that a line waits for others. */
const BLOCK_WAIT_MS = 100;

/** Where lines go, and how to hurry those that wait. */
interface Lines {
  write(line: string): void;
  flush(): void;
}

/**
 * Standard output, written in the background in blocks, at the latest after a tenth of a second: a write for each
 * line would cost a tenth of the whole road. The blocks are gathered here and not by pino's stream, which measures
 * all that waits again for every line. A process that is killed loses that tenth; the journal does not.
 */
function standardOutput(clock: Clock): Lines {
  const stream = pino.destination({ fd: 1, sync: false });
  let waiting: string[] = [];
  let length = 0;
  let cancelTimer: (() => void) | null = null;
  const send = () => {
    cancelTimer?.();
    cancelTimer = null;
    if (waiting.length > 0) stream.write(waiting.join(''));
    waiting = [];
    length = 0;
  };
  return {
    write(line) {
      waiting.push(line);
      length += line.length;
      if (length >= BLOCK_LENGTH) send();
      else cancelTimer ??= clock.after(BLOCK_WAIT_MS, send);
    },
    flush() {
      send();
      stream.flushSync();
    },
  };
}

export function createLog(settings: LogSettings): Log {
  const own = settings.destination === undefined ? standardOutput(settings.clock) : null;
  const destination = settings.destination ?? (own as Lines);
  const logger = pino(
    {
      level: settings.level,
      base: null,
      timestamp: () => `,"time":"${new Date(settings.clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    info: (event, fields) => logger.info({ event, ...scrubbed(fields) }),
    warn: (event, fields) => logger.warn({ event, ...scrubbed(fields) }),
    error: (event, fields) => logger.error({ event, ...scrubbed(fields) }),
    fault: (event, error, fields) => logger.error({ event, ...scrubbed(fields), ...faultFields(error) }),
    observer: linesOf(logger, settings.clock),
    flush() {
      own?.flush();
    },
  };
}

/** The lines about the road. */
function linesOf(logger: pino.Logger, clock: Clock): LogObserver {
  return {
    authorizationEnded: (ended) => logger.info(authorizationLine(ended)),
    callerDecided: (decided) => logger.info(decisionLine(decided)),
    outcomeReported: (reported) => logger.info(reportLine(reported)),
    unmappedCode: ({ provider, authorizationId, code, networkCode, advice }) =>
      logger.warn({
        event: 'unmapped_code',
        authorization_id: authorizationId,
        provider,
        code: scrub(code),
        network_code: scrubbedOrNull(networkCode),
        advice: scrubbedOrNull(advice),
      }),
    resolved: ({ authorizationId, provider, subject, by, result, ageMs }) =>
      logger.info({
        event: 'resolution',
        authorization_id: authorizationId,
        provider,
        subject,
        by,
        result: scrub(result),
        age_ms: Math.round(ageMs),
      }),
    // A log that is kept elsewhere can vouch for the journal by these lines.
    sealed: ({ number, throughEvent, digest }) =>
      logger.info({ event: 'seal', number, through_event: throughEvent, digest }),
    eventSent: ({ endpoint, delivery, type, authorizationId, result, detail, ageMs }) =>
      logger[result === 'delivered' ? 'info' : 'warn']({
        event: 'event_sent',
        authorization_id: authorizationId,
        endpoint,
        delivery,
        type,
        result,
        detail: scrub(detail),
        age_ms: Math.round(ageMs),
      }),
    noticeTaken: refusedWebhooks(clock, (fields) => logger.warn(fields)),
    purged: (count) => logger.info({ event: 'purged', authorizations: count }),
    armChanged: ({ experiment, arm, state, reason, author, account }) =>
      logger.warn({
        event: 'experiment_arm',
        experiment,
        arm,
        state,
        reason: scrub(reason),
        author,
        account,
      }),
    ...alertLines(logger, clock),
  };
}

/** While the journal fails, a reminder each so often, milliseconds. */
const OUTAGE_REMINDER_MS = 60_000;
/** How long nothing has failed when the journal is said to answer again, milliseconds. */
const OUTAGE_OVER_MS = 10_000;

/** A journal that fails from its first failure to its last. */
interface Outage {
  readonly fromMs: number;
  lastMs: number;
  toldMs: number;
  failures: number;
}

/** Tells each alert; of a journal that fails only the beginning, a reminder each minute with the count, and the end. */
function alertLines(logger: pino.Logger, clock: Clock): Pick<LogObserver, 'alert' | 'journalTook'> {
  let outage: Outage | null = null;
  const tell = ({ kind, detail, authorizationId }: Parameters<Observer['alert']>[0], more: LogFields = {}) =>
    logger.error({
      event: 'alert',
      kind,
      detail: scrub(detail),
      authorization_id: authorizationId,
      ...more,
    });
  return {
    alert(event) {
      if (event.kind !== 'journal_failed') return tell(event);
      const nowMs = clock.monotonicMs();
      if (outage === null) {
        outage = { fromMs: nowMs, lastMs: nowMs, toldMs: nowMs, failures: 1 };
        return tell(event, { next: 'further failures are counted, and told once a minute' });
      }
      outage.lastMs = nowMs;
      outage.failures += 1;
      if (nowMs - outage.toldMs < OUTAGE_REMINDER_MS) return;
      outage.toldMs = nowMs;
      tell(event, { failures: outage.failures, failing_s: Math.round((nowMs - outage.fromMs) / 1000) });
    },
    journalTook({ failed }) {
      if (outage === null || failed || clock.monotonicMs() - outage.lastMs < OUTAGE_OVER_MS) return;
      const { fromMs, lastMs, failures } = outage;
      outage = null;
      logger.warn({
        event: 'journal_answers_again',
        failures,
        failed_s: Math.round((lastMs - fromMs) / 1000),
      });
    },
  };
}

/** Refused webhooks of one provider and reason are told at most once in this time: anybody can post them. */
const REFUSED_QUIET_MS = 60_000;

/** Tells the first refused webhook of a provider and reason, then how many more there were. */
function refusedWebhooks(
  clock: Clock,
  warn: (fields: LogFields) => void,
): (event: Parameters<Observer['noticeTaken']>[0]) => void {
  const told = new Map<string, { readonly atMs: number; more: number }>();
  return ({ provider, result, member }) => {
    if (result === 'kept' || result === 'repeated') return;
    const key = `${provider} ${result}`;
    const nowMs = clock.monotonicMs();
    const last = told.get(key);
    if (last !== undefined && nowMs - last.atMs < REFUSED_QUIET_MS) {
      last.more += 1;
      return;
    }
    told.set(key, { atMs: nowMs, more: 0 });
    const since = last === undefined || last.more === 0 ? {} : { more_since_last: last.more };
    warn({
      event: 'webhook_refused',
      provider,
      reason: result,
      ...(member === undefined ? {} : { member }),
      ...since,
    });
  };
}

function scrubbed(fields: LogFields | undefined): LogFields {
  if (fields === undefined) return {};
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? scrub(value) : value]),
  );
}

function faultFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: scrub(String(error)) };
  return {
    error: scrub(`${error.name}: ${error.message}`),
    stack: scrub(error.stack ?? ''),
  };
}

/**
 * The one line of an authorization. What callers and providers chose is scrubbed again here: the edge has refused
 * card numbers, but a provider may echo one in a code.
 */
function authorizationLine(ended: Parameters<Observer['authorizationEnded']>[0]) {
  return {
    event: 'authorization',
    trace_id: ended.traceId,
    authorization_id: ended.authorizationId,
    account: ended.account,
    merchant: scrub(ended.merchant),
    reference: scrub(ended.reference),
    status: ended.status,
    provider: ended.provider,
    rule: ended.rule,
    ruleset: ended.ruleset,
    stopped: ended.stopped,
    attempts: ended.attempts.map(({ provider, outcome, durationMs }) => ({
      provider,
      outcome: outcome === null ? null : outcome.kind,
      code: outcome === null ? null : scrubbedOrNull(codeOf(outcome)),
      ms: durationMs === null ? null : Math.round(durationMs),
    })),
    passed_over: ended.passedOver?.map(({ provider, reason }) => ({ provider, reason })),
    amount: ended.amount.value,
    currency: ended.amount.currency,
    brand: ended.brand,
    duration_ms: Math.round(ended.durationMs * 10) / 10,
  };
}

/** The one line of a decision for a caller that sends itself, made or refused. */
function decisionLine(decided: Parameters<Observer['callerDecided']>[0]) {
  return {
    event: 'decision',
    trace_id: decided.traceId,
    decision_id: decided.decisionId,
    account: decided.account,
    merchant: scrub(decided.merchant),
    reference: scrub(decided.reference),
    result: decided.result,
    provider: decided.provider,
    rule: decided.rule,
    ruleset: decided.ruleset,
    experiment: decided.experiment?.id,
    arm: decided.experiment?.arm,
    amount: decided.amount.value,
    currency: decided.amount.currency,
    duration_ms: Math.round(decided.durationMs * 10) / 10,
  };
}

/** The line of each report that was taken; repeats have none. */
function reportLine(reported: Parameters<Observer['outcomeReported']>[0]) {
  return {
    event: 'decision_reported',
    trace_id: reported.traceId,
    decision_id: reported.decisionId,
    account: reported.account,
    merchant: scrub(reported.merchant),
    reference: scrub(reported.reference),
    attempt: reported.attempt,
    provider: reported.provider,
    outcome: reported.outcome,
    code: scrubbedOrNull(reported.code),
    next: reported.nextProvider ?? reported.next,
    reason: reported.reason,
    age_ms: Math.round(reported.ageMs),
  };
}

function scrubbedOrNull(text: string | null): string | null {
  return text === null ? null : scrub(text);
}
