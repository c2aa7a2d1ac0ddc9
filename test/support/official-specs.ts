import { existsSync, readFileSync } from 'node:fs';

/** Official descriptions of the providers' interfaces: they lie beside the project where it is developed, never in it. */
const FOLDER = new URL('../../../shared/specs/', import.meta.url);

/** Whether they are there. Where `SPECS_REQUIRED` says that they must be, their absence is an error. */
export const HAS_OFFICIAL_SPECS = existsSync(FOLDER);

if (!HAS_OFFICIAL_SPECS && process.env['SPECS_REQUIRED'] !== undefined) {
  throw new Error(`SPECS_REQUIRED is set, and ${FOLDER.pathname} is not there`);
}

/** A description by the name of its file, parsed. */
export function officialSpec(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
}
