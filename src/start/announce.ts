import type { EdgeServer } from '../edge/server.ts';
import { storePlaces } from './open-journal.ts';
import type { Parts } from './parts.ts';
import { VERSION } from './this-process.ts';

/** Tells where everything is, once, in words for a terminal and in a line for a log. */
export function announce(server: EdgeServer, { settings, rules, sandbox, keys, log }: Parts): void {
  const ruleset = rules.current();
  const { madeKey } = keys;
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  const url = `http://${host}:${server.port}`;
  log.info('listening', {
    url,
    version: VERSION,
    ruleset: ruleset.version,
    rules: ruleset.rules.length,
    providers: [...ruleset.providers.keys()].join(','),
    live: ruleset.live,
    sandbox: sandbox?.controlUrl ?? null,
    data_dir: settings.dataDir,
    ...storePlaces(settings),
    rules_dir: settings.rulesDir,
  });
  log.flush();
  const lines = process.stdout.isTTY
    ? [
        '',
        `  Pointsman ${VERSION}   ${url}   reference: ${url}/docs`,
        `  rules     ${settings.rulesDir}, ruleset ${ruleset.version}, ${ruleset.rules.length} rules`,
        ...(sandbox === null ? [] : [`  sandbox   ${sandbox.controlUrl}   (no real money moves)`]),
        '',
      ]
    : [];
  if (madeKey !== null) {
    lines.push(`Development key, printed only this once: ${madeKey}`);
    lines.push(`(lost? delete ${settings.dataDir}/api-keys.json and start again)`, '');
  }
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** What is this process's alone although its journal is shared: others would not know it, which is no use to callers. */
export function warnOfOwn({ settings, sandbox, keys, log }: Parts): void {
  if (settings.databaseUrl === null) return;
  const tell = (what: string, remedy: string) => log.warn('not_shared', { what, remedy });
  if (sandbox !== null) {
    tell(
      'the sandbox beside this process, whose books no other process can ask',
      'for several processes start one sandbox (SANDBOX=off here) and give its providers a base_url',
    );
  }
  if (keys.isOwn) {
    tell(
      'the development key in DATA_DIR, which no other process takes',
      'for several processes set API_KEYS_FILE, or DEV_API_KEY, to the same everywhere',
    );
  }
}
