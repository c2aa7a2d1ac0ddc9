import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { readSecretFile } from '../config/credentials.ts';
import { systemClock } from '../guards/system-clock.ts';
import { systemRandomness } from '../guards/system-randomness.ts';

/** The clock that everything in this process goes by. */
export const clock = systemClock;

/** What identifiers and draws are made from. */
export const randomness = systemRandomness(clock.wallMs);

/** Of this gateway, as `package.json` has it. */
export const { version: VERSION } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};

/** The name of this process among others. */
export const OWNER = `${hostname()}-${process.pid}-${randomness.id('own')}`;

/** Where secrets that rules and endpoints name are read: the environment, or files. */
export function credentialSources() {
  return { environment: process.env, readFile: readSecretFile };
}
