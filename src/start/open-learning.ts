import { join } from 'node:path';
import type { Settings } from '../config/environment.ts';
import { ApprovalDropWatch } from '../guards/approval-drop-watch.ts';
import { LearnerFile } from '../guards/learner-file.ts';
import type { Restored } from '../guards/learner-state.ts';
import { OutcomeLearner } from '../guards/outcome-learner.ts';
import { ReportingAccounts } from '../guards/reporting-accounts.ts';
import type { Log } from '../telemetry/log.ts';
import type { OpenedSharing, Parts } from './parts.ts';
import { clock } from './this-process.ts';

/** Takes up what was learned before: by the other processes, or else by this one. */
export async function openLearning(
  settings: Settings,
  log: Log,
  parts: Pick<Parts, 'lanes' | 'rules' | 'observer'> & { readonly shared: OpenedSharing | null },
): Promise<Pick<Parts, 'learner' | 'taught' | 'accounts' | 'learnerFiles' | 'shared'>> {
  const { lanes, rules, shared: opened } = parts;
  const learner = new OutcomeLearner(clock);
  const watched = new ApprovalDropWatch(parts.observer).learning(learner);
  const accounts = new ReportingAccounts(clock, lanes, learner);
  const isProvider = (id: string) => rules.current().providers.has(id);
  const shared =
    opened === null
      ? null
      : { ...opened, learning: opened.sharing.learning(watched, learner, accounts, isProvider) };
  // What others know is newer than what this process knew when it ended.
  const isTaught = shared !== null && tellRestored('shared', await shared.learning.restore(), log);
  const learnerFiles = [
    await openLearnerFile(settings, 'learner-state', learner, log, !isTaught),
    await openLearnerFile(settings, 'account-state', accounts, log),
  ];
  return { learner, taught: shared?.learning.learner ?? watched, accounts, learnerFiles, shared };
}

/** Takes up what was learned before. */
async function openLearnerFile(
  settings: Settings,
  name: 'learner-state' | 'account-state',
  learner: OutcomeLearner | ReportingAccounts,
  log: Log,
  isNeeded = true,
): Promise<LearnerFile> {
  const file = new LearnerFile({
    path: join(settings.dataDir, name),
    clock,
    learner,
    onFailed: (error) => log.fault('learner_state_not_saved', error, { file: name }),
  });
  if (isNeeded) tellRestored(name, await file.restore(), log);
  return file;
}

/** Says with what approval is learned on. @returns whether there was anything */
function tellRestored(file: string, restored: Restored, log: Log): boolean {
  const age = restored.kind === 'restored' ? { age_s: Math.round(restored.ageMs / 1000) } : {};
  const tallies = restored.kind === 'restored' ? restored.tallies : 0;
  if (restored.kind === 'refused') log.warn('learner_state_refused', { file, problem: restored.problem });
  if (restored.kind === 'restored' && restored.refused > 0) {
    log.warn('learner_state_refused', {
      file,
      problem: `${restored.refused} of ${tallies + restored.refused} tallies say what cannot be, and are left out`,
    });
  }
  log.info('learner_state', { file, restored: tallies, ...age });
  return restored.kind === 'restored';
}
