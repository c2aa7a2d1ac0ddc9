import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

/** A script that people start by hand. */
export interface ScriptUsage {
  /** As after `npm run`. */
  readonly name: string;
  /** What `--help` prints. */
  readonly usage: string;
}

/**
 * The options of the command line. Ends the process with 0 when help was asked for, with 2 when an option or a word is
 * not known.
 */
export function scriptOptions<const Options extends ParseArgsOptionsConfig>(
  script: ScriptUsage,
  options: Options,
) {
  if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    console.log(script.usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return refuseScript(script, error.message.split('. ')[0] ?? '');
  }
}

/** Says what was wrong, and the usage, and ends the process with 2. */
export function refuseScript({ name, usage }: ScriptUsage, wrong: string): never {
  console.error(`${name}: ${wrong}\n\n${usage}`);
  process.exit(2);
}
