import type { EdgeServer } from '../edge/server.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Replays } from '../gateway/replays.ts';
import type { SharedLook } from '../gateway/shared-look.ts';
import type { Log } from '../telemetry/log.ts';
import type { Parts } from './parts.ts';
import { clock } from './this-process.ts';

/** After the drain's time, attempts under way are given up; this is for recording what they came to. */
const RECORD_MS = 2_000;

/** For spans that wait when a process ends, milliseconds. */
const TRACES_END_MS = 2_000;

/** What was started, and is ended in an order of its own. */
export interface Started {
  readonly parts: Parts;
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
 * to it.
 * @param signal why, for the log
 */
export async function endInOrder(signal: string, started: Started): Promise<void> {
  const { parts, gateway, replays, server, sharedLook, stop, endLoops } = started;
  const { log, settings } = parts;
  replays.stop();
  for (const thread of parts.ruleThreads) thread.stop();
  parts.sandbox?.mayEnd();
  log.info('draining', { signal, under_way: gateway.underWay });
  endLoops();
  await drain(server, gateway, stop, settings.drainTimeoutMs);
  await sharedLook?.stop();
  await parts.rules.close();
  // Callers are answered. What is asked beside them is asked again by whoever comes next.
  stop.abort();
  await gateway.close();
  for (const file of parts.learnerFiles) await file.close();
  await parts.tracing?.close(TRACES_END_MS);
  await parts.shared?.learning.close();
  await parts.journal.close();
  parts.registry.close();
  parts.eventSender.close();
  parts.lanes.close();
  await parts.shared?.sharing.close();
  parts.sandbox?.close();
  log.info('stopped', { signal });
}

/** Refuses new work, lets what is open finish, and gives up and records what does not in time. */
async function drain(
  server: EdgeServer,
  gateway: Gateway,
  stop: AbortController,
  timeoutMs: number,
): Promise<void> {
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
