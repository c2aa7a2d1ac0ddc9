import type { EdgeServer } from '../edge/server.ts';
import { CLOSES_WITHIN_MS, type Gateway } from '../gateway/gateway.ts';
import type { Clock } from '../gateway/ports.ts';
import type { Replays } from '../gateway/replays.ts';
import { settledWithin } from '../gateway/settled-within.ts';
import type { SharedLook } from '../gateway/shared-look.ts';
import type { Log } from '../telemetry/log.ts';
import type { Parts } from './parts.ts';

/** After the drain's time, attempts under way are given up; this is for recording what they came to. */
const RECORD_MS = 2_000;

/** For spans that wait when a process ends, and for what was learned since it was saved last: milliseconds. */
const KEEP_MS = 2_000;
/** For the journal's last statements, of which nobody waits for any: milliseconds. */
const JOURNAL_CLOSES_MS = 3_000;
/** To tell other processes, milliseconds: what one that is gone has shared, its lease ends. */
const SHARING_ENDS_MS = 1_000;

/**
 * How long a process takes to end after its signal at the most, whatever hangs: milliseconds.
 * @param drainTimeoutMs what requests under way are given
 */
export function endsWithinMs(drainTimeoutMs: number): number {
  return drainTimeoutMs + RECORD_MS + CLOSES_WITHIN_MS + KEEP_MS + JOURNAL_CLOSES_MS + SHARING_ENDS_MS;
}

/** What was started, and is ended in an order of its own. */
export interface Started {
  readonly parts: Parts;
  readonly clock: Clock;
  readonly gateway: Gateway;
  readonly replays: Replays;
  readonly server: EdgeServer;
  /** Null: nobody else has the journal. */
  readonly sharedLook: SharedLook | null;
  /** Gives up what is under way. */
  readonly stop: AbortController;
  /** Ends what goes on beside payments. */
  readonly endLoops: () => void;
}

/**
 * Takes nothing new, ends and records what is open, and then closes part after part, the journal behind all that writes
 * to it. Each has a time of its own ({@link endsWithinMs}), after which it is left as it is: a process that hangs is killed, and
 * then nothing in turn behind the hang is closed.
 * @param signal why, for the log
 */
export async function endInOrder(signal: string, started: Started): Promise<void> {
  const { parts, gateway, replays, sharedLook, stop, endLoops } = started;
  const { log, settings } = parts;
  const closed = (part: string, work: readonly (Promise<unknown> | undefined)[], ms: number) =>
    closedWithin(part, Promise.all(work), ms, started);
  replays.stop();
  parts.ruleThreads.checks.stop();
  parts.sandbox?.mayEnd();
  log.info('draining', { signal, under_way: gateway.underWay });
  endLoops();
  await drain(started, settings.drainTimeoutMs);
  // Callers are answered. What is asked beside them is asked again by whoever comes next.
  stop.abort();
  const rules = parts.rules.close();
  // Only now: until they are closed, rules that are not read any more would be told as refused.
  parts.ruleThreads.own.stop();
  await closed('gateway', [sharedLook?.stop(), rules, gateway.close()], CLOSES_WITHIN_MS);
  const saved = parts.learnerFiles.map((file) => file.close());
  const spans = parts.tracing?.close(KEEP_MS);
  await closed('learning', [...saved, spans, parts.shared?.learning.close()], KEEP_MS);
  await closed('journal', [parts.journal.close()], JOURNAL_CLOSES_MS);
  parts.registry.close();
  parts.eventSender.close();
  parts.lanes.close();
  await closed('shared_state', [parts.shared?.sharing.close()], SHARING_ENDS_MS);
  parts.sandbox?.close();
  log.info('stopped', { signal });
}

/** Waits for a part to close, and leaves it as it is after its time. @throws what it throws by then */
async function closedWithin(
  part: string,
  work: Promise<unknown>,
  ms: number,
  { parts: { log }, clock }: Pick<Started, 'parts' | 'clock'>,
): Promise<void> {
  let isClosed = false;
  const closing = work.then(() => {
    isClosed = true;
  });
  await settledWithin(closing, ms, clock);
  if (!isClosed) log.warn('left_open', { part, after_ms: ms, effect: 'it ends with the process' });
}

/** Refuses new work, lets what is open finish, and gives up and records what does not in time. */
async function drain({ server, gateway, stop, clock }: Started, timeoutMs: number): Promise<void> {
  const answered = server.drain(timeoutMs + RECORD_MS);
  const cancel = clock.after(timeoutMs, () => stop.abort());
  await Promise.race([
    Promise.all([gateway.idle(), gateway.endDeliveries()]),
    new Promise<void>((resolve) => {
      clock.after(timeoutMs + RECORD_MS, resolve);
    }),
  ]);
  cancel();
  await answered;
}

/** Ends the process once on SIGTERM or SIGINT; a second signal does not wait. */
export function endOnSignal(end: (signal: string) => Promise<void>, log: Log): void {
  let ending = false;
  const onSignal = (signal: string) => {
    if (ending) process.exit(1);
    ending = true;
    end(signal).then(
      () => {
        log.flush();
        process.exit(0);
      },
      (error: unknown) => {
        log.fault('drain_failed', error);
        log.flush();
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Of a process that ended by a fault of its own: tells it from a start that was refused (1) in what is left of a pod. */
const FAULT_EXIT_CODE = 70;

/**
 * Ends the process at a fault that nobody took, a rejected promise too, whatever Node was told to do with those: it cannot
 * be known what is still right in here, and it must move no money. What was under way is in the journal.
 */
export function endOnFault(log: Log): void {
  const end = (error: unknown, origin: string) => {
    try {
      log.fault('uncaught', error, {
        origin,
        exit_code: FAULT_EXIT_CODE,
        next: 'this process ends; what was under way is found out by the next one: report the stack, it is a bug',
      });
      log.flush();
    } finally {
      // Also where nobody reads the log any more.
      process.exit(FAULT_EXIT_CODE);
    }
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', (reason) => end(reason, 'unhandledRejection'));
}
