import type { Experiment, Experiments } from './experiment.ts';

/**
 * What an edit does to experiments that are running: nothing of it is refused, and all of it moves units from one arm to
 * another or cuts off what was begun.
 */
export function changesOfRunning(before: Experiments, after: Experiments): readonly string[] {
  const notes: string[] = [];
  for (const old of before.list) {
    if (old.status !== 'running') continue;
    const next = after.list.find(({ id }) => id === old.id);
    const say = (what: string) => notes.push(`experiment ${old.id}, which is running: ${what}`);
    if (next === undefined) say('it is gone from the file; its results cannot be read while it is');
    else if (next.status === 'running') for (const what of changesOf(old, next)) say(what);
    else if (next.status === 'draft') say('it is a draft again; write stopped to end it');
  }
  if (before.holdout !== null && after.holdout === null) {
    notes.push('the permanent holdout is gone: what it kept out joins the experiments');
  } else if (before.holdout !== null && before.holdout.seed !== after.holdout?.seed) {
    notes.push('the permanent holdout has another seed: other payments are kept out from now on');
  }
  return notes;
}

function changesOf(old: Experiment, next: Experiment): readonly string[] {
  const notes: string[] = [];
  if (old.seed !== next.seed)
    notes.push('another seed assigns every unit anew; an arm that was stopped stays stopped');
  if (old.unit !== next.unit) notes.push('another unit assigns everybody anew');
  if (namesOf(old) !== namesOf(next)) notes.push('other arms, or in another order, move units between arms');
  else if (sharesOf(old) !== sharesOf(next)) notes.push('other weights move units between arms');
  if (old.plan.coverage > next.plan.coverage) notes.push('a lower coverage lets go of units that were in it');
  if (JSON.stringify(old.namespace) !== JSON.stringify(next.namespace)) {
    notes.push('another namespace or range lets other units in');
  }
  if (old.maturityMs !== next.maturityMs) notes.push('another maturity counts the same payments anew');
  return notes;
}

function namesOf({ arms }: Experiment): string {
  return arms.map(({ name }) => name).join();
}

function sharesOf({ plan }: Experiment): string {
  return plan.shares.join();
}
