import type { CredentialSources } from './credentials.ts';
import { type ReadingPlace, tooCostlyError } from './reading-task.ts';
import { compiledRuleset, receivedDraft } from './ruleset-draft.ts';
import type { RulesetError } from './ruleset-error.ts';
import { type RulesetReading, validateRulesetFiles } from './validate-ruleset-files.ts';

type Files = Readonly<Record<string, string>>;

/**
 * Characters, of all files together, up to which what operators wrote is read in line, within some tens of milliseconds, or
 * one or two hundred on a machine that does much else: so going back from rules hangs on no thread. The shipped files have
 * four thousand.
 */
const IN_LINE_MAX = 16 * 1024;

/** Whether reading these files would hold up what else is done. */
export function areLong(...sets: readonly Files[]): boolean {
  const texts = sets.flatMap((files) => Object.values(files));
  return texts.reduce((sum, text) => sum + text.length, 0) > IN_LINE_MAX;
}

/**
 * Reads rulesets that operators wrote, the folder's and registered ones, beside payments: as `validateRulesetFiles`. What
 * cannot be read is refused, and says why.
 * @param place where long ones are read
 */
export function readBeside(
  place: ReadingPlace,
  credentials: CredentialSources,
): (files: Files) => Promise<RulesetReading> {
  const { environment, placeholder } = credentials;
  return async (files) => {
    if (!areLong(files)) return validateRulesetFiles(files, credentials);
    const outcome = await place.run({
      kind: 'read',
      files,
      secrets: {
        environment: { ...environment },
        paths: 'all',
        ...(placeholder === undefined ? {} : { placeholder }),
      },
    });
    switch (outcome.kind) {
      case 'done': {
        const { reply } = outcome;
        if (reply.kind === 'refused') return reply;
        return {
          kind: 'good',
          ruleset: compiledRuleset(receivedDraft(reply.draft)),
          places: reply.places,
        };
      }
      case 'failed':
        // They may be needed in an incident: payments that wait for a moment are better than rules that nobody can activate.
        return validateRulesetFiles(files, credentials);
      case 'too_costly':
        return refused(tooCostlyError(outcome, place.limits));
      case 'busy':
      case 'stopped':
        return refused(NOT_NOW);
    }
  };
}

const NOT_NOW: RulesetError = {
  file: '.',
  line: 1,
  column: 1,
  what: 'the files were not checked: the gateway is stopping, or checks others',
  expected: 'a gateway that has time for them',
  remedy: 'try it again',
};

function refused(error: RulesetError): RulesetReading {
  return { kind: 'refused', errors: [error], providers: new Map() };
}
