import { setFlagsFromString } from 'node:v8';
import { ApiKeysError } from './config/api-keys.ts';
import { BinFileError } from './config/bin-import.ts';
import { EnvironmentError, readEnvironment, type Settings } from './config/environment.ts';
import { EventEndpointsError } from './config/event-endpoints.ts';
import { SERVER_DEFAULTS, startServer } from './edge/server.ts';
import { JournalError } from './gateway/ports.ts';
import { ProviderSetupError } from './providers/provider-setup-error.ts';
import { announce, warnOfOwn } from './start/announce.ts';
import { endInOrder, endOnFault, endOnSignal } from './start/end-in-order.ts';
import { makeSharedLook } from './start/follow-others.ts';
import { beginLoops } from './start/loops.ts';
import { faultReporter, makeApp, makeReplays } from './start/make-app.ts';
import { makeGateway } from './start/make-gateway.ts';
import { openParts } from './start/open-parts.ts';
import { StartError } from './start/start-error.ts';
import { clock, randomness } from './start/this-process.ts';
import { createLog, type Log } from './telemetry/log.ts';

/**
 * V8 moves the birthplace of objects that once outlived a collection to the old generation, where each keeps what it
 * refers to alive long after it is dead. Requests live just long enough to set that off: half of the time of minor
 * collections went into carrying the dead along.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

/** Opens everything, takes up what an earlier process left, listens, and ends in order on a signal. */
async function start(settings: Settings, log: Log): Promise<void> {
  const parts = await openParts(settings, log);
  const stop = new AbortController();
  const gateway = makeGateway(parts, stop.signal);
  await gateway.start();
  const sharedLook = makeSharedLook(parts);
  const replays = makeReplays(parts);

  let draining = false;
  const app = makeApp(parts, gateway, replays, () => draining);
  const server = await startServer(
    { fetch: app.fetch, clock, randomness, reportFault: faultReporter(log) },
    { ...SERVER_DEFAULTS, host: settings.host, port: settings.port },
  );
  await parts.keys.keep();
  announce(server, parts);
  warnOfOwn(parts);
  const endLoops = beginLoops(parts, sharedLook);

  endOnSignal((signal) => {
    draining = true;
    return endInOrder(signal, { parts, clock, gateway, replays, server, sharedLook, stop, endLoops });
  }, log);
}

/** What to do when the address cannot be listened on, by the system's code. */
const LISTEN_REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Set PORT to a free one.',
  EACCES: 'Set PORT to one above 1023, or allow this user to listen there.',
  ENOTFOUND: 'Set HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0.',
  EADDRNOTAVAIL: 'Set HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0.',
};

/** Errors of a start that a person can mend; everything else is a bug and shows its stack. */
const EXPECTED = [
  StartError,
  EnvironmentError,
  ApiKeysError,
  EventEndpointsError,
  BinFileError,
  JournalError,
  ProviderSetupError,
];

async function main(): Promise<void> {
  const { settings, warnings } = readEnvironment(process.env);
  const log = createLog({ level: settings.logLevel, clock });
  for (const warning of warnings) log.warn('environment', { warning });
  endOnFault(log);
  await start(settings, log);
}

main().catch((error: unknown) => {
  const expected = EXPECTED.some((type) => error instanceof type);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const remedy = LISTEN_REMEDIES[code];
  if (remedy !== undefined) {
    process.stderr.write(`Pointsman cannot start: ${(error as Error).message}. ${remedy}\n`);
  } else if (expected) process.stderr.write(`Pointsman cannot start: ${(error as Error).message}\n`);
  else
    process.stderr.write(`Pointsman cannot start: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
