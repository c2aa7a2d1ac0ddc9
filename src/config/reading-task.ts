import type { ProviderContract } from '../core/rules/ruleset.ts';
import type { RulesetChanges } from '../gateway/ruleset-release.ts';
import { type CredentialSources, readSecretFile } from './credentials.ts';
import type { ProviderPlaces } from './provider-places.ts';
import { rulesetChanges } from './ruleset-changes.ts';
import { type RulesetDraft, type SentCondition, sentDraft } from './ruleset-draft.ts';
import type { RulesetError } from './ruleset-error.ts';
import { readRulesetFiles } from './validate-ruleset-files.ts';

type Files = Readonly<Record<string, string>>;

/** Secrets that may be looked up, as plain values. */
export interface SecretsInReach extends Pick<CredentialSources, 'environment' | 'placeholder'> {
  /** Paths of files that may be read. */
  readonly paths: 'all' | readonly string[];
}

/** Reading and checking files of rulesets: nothing of it may be done where payments wait for it. */
export type ReadingTask =
  | { readonly kind: 'read'; readonly files: Files; readonly secrets: SecretsInReach }
  /** What files have other than those before. */
  | { readonly kind: 'compare'; readonly before: Files; readonly after: Files };

/** A ruleset as it travels between threads. */
export type SentReading =
  | {
      readonly kind: 'good';
      readonly draft: RulesetDraft<SentCondition>;
      readonly places: ProviderPlaces;
    }
  | {
      readonly kind: 'refused';
      readonly errors: readonly RulesetError[];
      readonly providers: ReadonlyMap<string, ProviderContract>;
    };

export type ReadingReply<Task extends ReadingTask> = Task extends { readonly kind: 'read' }
  ? SentReading
  : RulesetChanges;

export interface ReadingLimits {
  /** Of one task once its thread has started, milliseconds. */
  readonly timeMs: number;
  /** Memory of one task, megabytes. */
  readonly memoryMb: number;
  /** Tasks that may wait while another one is done. */
  readonly waitingMax: number;
}

/** A task that needed more than one may. */
export interface TooCostly {
  readonly kind: 'too_costly';
  readonly limit: 'time' | 'memory';
  /** The file that it looked into then; null: none yet. */
  readonly at: string | null;
}

/** What became of a task. */
export type ReadingOutcome<Task extends ReadingTask> =
  | { readonly kind: 'done'; readonly reply: ReadingReply<Task> }
  /** It was not begun: as many wait as may. */
  | { readonly kind: 'busy'; readonly waiting: number }
  | TooCostly
  /** No fault of the task. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** It was not begun, or given up, because the process is on its way out. */
  | { readonly kind: 'stopped' };

/** Where files of rulesets are read and checked, so that no payment waits for it. */
export interface ReadingPlace {
  readonly limits: ReadingLimits;
  run<Task extends ReadingTask>(task: Task): Promise<ReadingOutcome<Task>>;
}

/** What is said of files that needed more than is given to a check. */
export function tooCostlyError(
  { limit, at }: TooCostly,
  { timeMs, memoryMb }: Pick<ReadingLimits, 'timeMs' | 'memoryMb'>,
): RulesetError {
  const most = limit === 'time' ? `${timeMs / 1000} s` : `${memoryMb} MB of memory`;
  return {
    file: at ?? 'providers.yaml',
    line: 1,
    column: 1,
    what: `checking this file took more than ${most}, and was given up`,
    expected: `files that can be checked within ${most}`,
    remedy:
      'make it shorter: fewer conditions in a rule, lists (one_of) instead of many conditions, fewer brackets',
  };
}

/** Does a task, where it is called. @param onFile told of each file whenever it is looked into */
export function doReadingTask(
  task: ReadingTask,
  onFile: (name: string) => void = () => {},
): SentReading | RulesetChanges {
  if (task.kind === 'compare') return rulesetChanges(task.before, task.after);
  const reading = readRulesetFiles(task.files, sourcesOf(task.secrets), onFile);
  if (reading.kind === 'refused') return reading;
  return { kind: 'good', draft: sentDraft(reading.draft), places: reading.places };
}

function sourcesOf({ paths, ...secrets }: SecretsInReach): CredentialSources {
  return {
    ...secrets,
    readFile: (path) =>
      paths === 'all' || paths.includes(path)
        ? readSecretFile(path)
        : { kind: 'unreadable', code: 'not looked up' },
  };
}
