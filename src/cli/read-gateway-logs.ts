import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { LoggedLine } from '../stores/verify/verify-log.ts';
import { readLogLine } from './gateway-log-line.ts';

/** Standard input, in place of a file. */
const STANDARD_INPUT = '-';

/** A line that names a seal or an authorization, and cannot be read. */
export interface UnreadLine {
  /** File and line, from 1. */
  readonly place: string;
  readonly why: string;
}

/**
 * What gateways told in their logs of what is in the journal, line by line. Lines may be as the gateway writes them, behind
 * whatever a tool puts before them (`kubectl logs --prefix --timestamps`), or wrapped in JSON by a collector; lines about
 * something else are passed over.
 * @param places files, folders with files at any depth (`.gz` are unpacked), and `-` for standard input
 * @param sinceMs authorizations that were told before it are left out: they may have been let go of since
 * @param missed takes the lines that would have to be read, and cannot be
 * @throws Error with the place, when it cannot be read
 */
export async function* readGatewayLogs(
  places: readonly string[],
  sinceMs: number,
  missed: (line: UnreadLine) => void,
): AsyncGenerator<LoggedLine, void, undefined> {
  for (const file of places.flatMap(filesAt)) {
    let number = 0;
    try {
      for await (const text of createInterface({ input: streamOf(file) })) {
        number += 1;
        const { line, unread } = readLogLine(text);
        if (unread !== null) missed({ place: `${nameOf(file)}:${number}`, why: unread });
        if (line === null) continue;
        if (line.kind === 'seal' || Date.parse(line.at) >= sinceMs) yield line;
      }
    } catch (error) {
      throw unreadable(file, error);
    }
  }
}

function filesAt(place: string): readonly string[] {
  if (place === STANDARD_INPUT) return [place];
  try {
    if (!statSync(place).isDirectory()) return [place];
    return readdirSync(place, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    throw unreadable(place, error);
  }
}

function nameOf(place: string): string {
  return place === STANDARD_INPUT ? 'standard input' : place;
}

function unreadable(place: string, error: unknown): Error {
  return new Error(
    `${nameOf(place)} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
  );
}

function streamOf(file: string): Readable {
  if (file === STANDARD_INPUT) return process.stdin;
  const bytes = createReadStream(file);
  if (!file.endsWith('.gz')) return bytes;
  const unpacked = createGunzip();
  bytes.on('error', (error) => unpacked.destroy(error));
  return bytes.pipe(unpacked);
}
