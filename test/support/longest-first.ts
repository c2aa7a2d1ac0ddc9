import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take minutes, in the order in which they begin: those that only reckon beside those that start processes,
 * so that none is left to run alone in the end. Without it a clean checkout knows nothing of how long each takes.
 */
const FIRST = [
  'road/crash-campaign',
  'core/experiments/experiment-error-rates',
  'cluster/cluster',
  'simulation/whole-lifecycle',
  'worlds/worlds',
  'stores/redis/redis-poison',
  'stores/redis/redis-faults',
  'road/full-disk',
] as const;

/** Begins with the longest runs. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = FIRST.findIndex((name) => moduleId.endsWith(`/test/${name}.full.test.ts`));
  return rank < 0 ? FIRST.length : rank;
}
