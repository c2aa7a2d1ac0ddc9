import type { Settings } from '../config/environment.ts';
import {
  isAboutMissing,
  missingCredentials,
  missingText,
  PLACEHOLDER,
} from '../config/missing-credentials.ts';
import { readBeside } from '../config/read-beside.ts';
import { ReadingThread } from '../config/reading-thread.ts';
import { formatRulesetError } from '../config/ruleset-error.ts';
import { readRulesetFolder } from '../config/ruleset-folder.ts';
import { openRulesetStore } from '../config/ruleset-store.ts';
import { RulesetTrain } from '../config/ruleset-train.ts';
import { validateRulesetFiles } from '../config/validate-ruleset-files.ts';
import type { DeclineTables } from '../core/declines/decline-tables.ts';
import { setupProblems } from '../providers/setup-problems.ts';
import { journalPlace } from './open-journal.ts';
import type { Parts } from './parts.ts';
import { rulesetNews } from './ruleset-news.ts';
import type { RulesetSteps } from './ruleset-steps.ts';
import { rulesRefused, StartError } from './start-error.ts';
import { clock, credentialSources } from './this-process.ts';

/** What anybody may hand over to be checked: the body of a request, or the folder. */
const CHECK_LIMITS = { timeMs: 5_000, memoryMb: 192, waitingMax: 2 };
/** What operators wrote and this process is to go by. */
const OWN_LIMITS = { timeMs: 30_000, memoryMb: 256, waitingMax: 4 };

/**
 * Goes by the rules that are in force: the folder's, or those that the journal has.
 * @throws StartError when there are none that are good
 */
export async function openRules(
  parts: Pick<Parts, 'settings' | 'journal' | 'log' | 'metrics' | 'arms'>,
  steps: RulesetSteps,
  declineTables: DeclineTables,
): Promise<Pick<Parts, 'rules' | 'releases' | 'ruleThreads'>> {
  const { settings, journal } = parts;
  const sources = { folder: settings.rulesDir, credentials: credentialSources() };
  // Apart, so that nobody's checks are in the way of rules that are to come into force.
  const checks = new ReadingThread(CHECK_LIMITS, clock);
  const own = new ReadingThread(OWN_LIMITS, clock);
  const opening = await openRulesetStore({
    ...steps,
    ...sources,
    ...rulesetNews(parts),
    clock,
    read: readBeside(own, sources.credentials),
    activation: settings.rulesActivation,
    journal,
  });
  if (opening.kind === 'opened') {
    const { store } = opening;
    const releases = new RulesetTrain({ ...sources, store, journal, check: steps.check, checks });
    return { rules: store, releases, ruleThreads: { checks, own } };
  }
  if (opening.version === null) {
    throw rulesRefused(settings, opening.errors, await alsoMissing(settings, declineTables));
  }
  const lines = opening.errors.map((error) => `  ${formatRulesetError(error)}`);
  throw new StartError(
    `ruleset ${opening.version} is in force by ${journalPlace(settings)}, and is refused by this version or for ` +
      `want of its secrets:\n${lines.join('\n')}\nGive it its secrets back; or start once with RULES_ACTIVATION=auto and ` +
      'other good content in the rules folder, which then comes into force.',
  );
}

/** What else keeps providers from being used: told together with what is refused, so that one start tells it all. */
async function alsoMissing(settings: Settings, declineTables: DeclineTables): Promise<readonly string[]> {
  const folder = await readRulesetFolder(settings.rulesDir);
  if (folder.kind === 'refused') return [];
  const sources = { ...credentialSources(), placeholder: PLACEHOLDER };
  const reading = validateRulesetFiles(folder.files, sources);
  const known = reading.kind === 'refused' ? reading : reading.ruleset;
  const missing = missingCredentials(known);
  const problems = setupProblems(known, { clock, declineTables: () => declineTables });
  return [
    ...problems
      .filter(({ provider, problem }) => !isAboutMissing(problem, missing.get(provider)))
      .map(({ problem }) => problem),
    ...(missing.size === 0 ? [] : [`missing: ${missingText(missing)}`]),
  ];
}
