import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { invariant } from '../core/invariant.ts';
import type { ProviderContract, Ruleset } from '../core/rules/ruleset.ts';
import type { Clock, Rulesets } from '../gateway/ports.ts';
import type { CredentialSources } from './credentials.ts';
import type { RulesetError } from './ruleset-error.ts';
import { readRulesetFolder } from './ruleset-folder.ts';
import { validateRulesetFiles } from './validate-ruleset-files.ts';
import { readYamlFile } from './yaml-file.ts';

export interface RulesetStoreOptions {
  readonly folder: string;
  readonly credentials: CredentialSources;
  readonly clock: Clock;
  /** Gives the content its number in the journal. A set becomes current only after this. */
  readonly register: (contentHash: string, files: Readonly<Record<string, string>>) => Promise<number>;
  /** Whether a provider has money that is open or can be refunded. */
  readonly hasOpenMoney: (provider: string) => Promise<boolean>;
  /** The content that was in force last, in this process or an earlier one; null before the first. */
  readonly lastGood?: () => Promise<{
    readonly number: number;
    readonly files: Readonly<Record<string, string>>;
  } | null>;
  /** Makes ready what the first set needs, before it becomes current; what it rejects with ends the opening. */
  readonly prepare?: (ruleset: Ruleset) => Promise<void>;
  /** Called just before a set becomes current; when it throws, the set does not. */
  readonly onActivated?: (ruleset: Ruleset, previous: Ruleset | null) => void;
  /**
   * Called when a set leaves the sandbox or test accounts behind, with those of its providers that hold money of theirs:
   * nothing can be captured, refunded or asked about there any more.
   */
  readonly onLeftBehind?: (providers: readonly string[]) => void;
  /** Called once for each different refusal; the last good set stays. */
  readonly onRejected?: (errors: readonly RulesetError[]) => void;
  /** Called when a refused edit was taken back: the folder holds the set in force again. */
  readonly onTakenBack?: () => void;
  /** Time between looks at the folder when nothing is notified, milliseconds; 10000 when left out. */
  readonly pollMs?: number;
  /**
   * Time from a notice to the reload, milliseconds, so that several files count as one edit; 100 when left
   * out.
   */
  readonly debounceMs?: number;
}

/** For `/readyz` and operators. */
export interface RulesetStatus {
  readonly version: number;
  readonly contentHash: string;
  /** Wall clock, milliseconds since 1970. */
  readonly loadedAtMs: number;
  /** The newest content of the folder, when it is not in force because of these errors. */
  readonly rejected: { readonly atMs: number; readonly errors: readonly RulesetError[] } | null;
}

export type RulesetStoreOpening =
  | { readonly kind: 'opened'; readonly store: RulesetStore }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

/**
 * Loads the folder and begins to watch it. A folder that is bad, or that drops a provider with money, does not keep a
 * process from starting that has run before: the set that was in force last is taken, and the refusal told.
 * @returns what is wrong, when there is no good set to start with
 * @throws what `register`, `lastGood`, `hasOpenMoney`, `prepare` or `onActivated` throw or reject with
 */
export async function openRulesetStore(options: RulesetStoreOptions): Promise<RulesetStoreOpening> {
  const before = await lastGoodSet(options);
  const reading = await readFolder(options, before);
  if (reading.kind === 'refused' && before === null) return reading;
  const refused = reading.kind === 'refused' ? reading.errors : null;
  const first = reading.kind === 'good' ? await numbered(reading.set, options) : before;
  invariant(first !== null, 'a refused folder without a set before was answered above');
  await options.prepare?.(first.ruleset);
  options.onActivated?.(first.ruleset, null);
  if (before !== null) await tellLeftBehind(before, first, options);
  const store = new RulesetStore(options, first);
  if (refused !== null) store.refuse(refused);
  await store.watch();
  return { kind: 'opened', store };
}

/** A ruleset with the files that it was read from. */
interface LoadedSet {
  readonly ruleset: Ruleset;
  readonly files: Readonly<Record<string, string>>;
}

type FolderSet =
  | { readonly kind: 'good'; readonly set: LoadedSet }
  /** The very content of the set before: nothing to check or to do. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

/** The set that was in force last, as this version and these secrets read it; null when they refuse it. */
async function lastGoodSet(options: RulesetStoreOptions): Promise<LoadedSet | null> {
  const last = (await options.lastGood?.()) ?? null;
  if (last === null) return null;
  const reading = validateRulesetFiles(last.files, options.credentials);
  if (reading.kind === 'refused') return null;
  return { ruleset: { ...reading.ruleset, version: last.number }, files: last.files };
}

/** Reads and checks the folder, also against the money of the set that is or was in force. */
async function readFolder(options: RulesetStoreOptions, before: LoadedSet | null): Promise<FolderSet> {
  const folder = await readRulesetFolder(options.folder);
  if (folder.kind === 'refused') return folder;
  // Asked first: every look at the folder comes by here, and nearly all find what they know.
  if (folder.contentHash === before?.ruleset.contentHash) return { kind: 'unchanged' };
  const reading = validateRulesetFiles(folder.files, options.credentials);
  if (reading.kind === 'refused') return reading;
  const set = { ruleset: reading.ruleset, files: folder.files };
  const cut = before === null ? [] : await openMoneyErrors(before, set, options);
  return cut.length > 0 ? { kind: 'refused', errors: cut } : { kind: 'good', set };
}

/** The set under the number that the journal gives it. */
async function numbered({ ruleset, files }: LoadedSet, options: RulesetStoreOptions): Promise<LoadedSet> {
  const version = await options.register(ruleset.contentHash, files);
  return { ruleset: { ...ruleset, version }, files };
}

/** The active ruleset of a folder, reloaded when the folder changes. A bad edit keeps the last good set. */
export class RulesetStore implements Rulesets {
  readonly #options: RulesetStoreOptions;
  #current: LoadedSet;
  #loadedAtMs: number;
  #rejected: RulesetStatus['rejected'] = null;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | null = null;
  #watcher: FSWatcher | null = null;
  /** Device and inode of the watched folder, to notice that another was put in its place. */
  #watched = '';
  #cancelPoll: () => void = () => {};
  #cancelDebounce: (() => void) | null = null;
  #closed = false;

  constructor(options: RulesetStoreOptions, set: LoadedSet) {
    this.#options = options;
    this.#current = set;
    this.#loadedAtMs = options.clock.wallMs();
  }

  current(): Ruleset {
    return this.#current.ruleset;
  }

  /** Content by name of the files in force. */
  files(): Readonly<Record<string, string>> {
    return this.#current.files;
  }

  status(): RulesetStatus {
    const { version, contentHash } = this.#current.ruleset;
    return { version, contentHash, loadedAtMs: this.#loadedAtMs, rejected: this.#rejected };
  }

  /**
   * Looks at the folder now. Reloads run one after the other; a call while one waits joins it. Never rejects:
   * what goes wrong is in `status()` and goes to `onRejected`.
   */
  reload(): Promise<void> {
    if (this.#waiting !== null) return this.#waiting;
    const next = this.#running.then(() => {
      this.#waiting = null;
      return this.#closed ? undefined : this.#load();
    });
    this.#waiting = next;
    this.#running = next;
    return next;
  }

  /** Begins to watch; called once, by `openRulesetStore`. */
  async watch(): Promise<void> {
    await this.#watchFolder();
    this.#schedulePoll();
  }

  /** Stops watching, and waits for a reload under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelPoll();
    this.#cancelDebounce?.();
    this.#watcher?.close();
    await this.#running;
  }

  async #load(): Promise<void> {
    try {
      const before = this.#current;
      const reading = await readFolder(this.#options, before);
      if (reading.kind === 'refused') return this.#reject(reading.errors);
      if (reading.kind === 'unchanged') {
        if (this.#rejected !== null) this.#options.onTakenBack?.();
        this.#rejected = null;
        return;
      }
      this.#activate(await numbered(reading.set, this.#options));
      // An attempt may have begun at a provider that goes, between the question and the activation: then the
      // set before comes back, under a number of its own, and is also what the next start begins with.
      const cut = await openMoneyErrors(before, reading.set, this.#options);
      if (cut.length === 0) return await tellLeftBehind(before, reading.set, this.#options);
      this.#activate(await numbered(before, this.#options));
      this.#reject(cut);
    } catch (error) {
      // The journal or an observer failed: the set in force stays, and the next look at the folder tries
      // again.
      const reason = error instanceof Error ? error.message : String(error);
      this.#reject([
        {
          file: '.',
          line: 1,
          column: 1,
          what: `the ruleset could not be activated: ${reason}`,
          expected: 'a journal that records it',
          remedy: 'it is tried again by itself',
        },
      ]);
    }
  }

  #activate(set: LoadedSet): void {
    if (this.#closed) return;
    this.#options.onActivated?.(set.ruleset, this.#current.ruleset);
    this.#current = set;
    this.#loadedAtMs = this.#options.clock.wallMs();
    this.#rejected = null;
  }

  /** Tells that the folder's content is not in force; called by the opening for what it found. */
  refuse(errors: readonly RulesetError[]): void {
    this.#reject(errors);
  }

  #reject(errors: readonly RulesetError[]): void {
    const known = this.#rejected !== null && JSON.stringify(this.#rejected.errors) === JSON.stringify(errors);
    if (known) return;
    this.#rejected = { atMs: this.#options.clock.wallMs(), errors };
    this.#options.onRejected?.(errors);
  }

  #notice(): void {
    if (this.#closed || this.#cancelDebounce !== null) return;
    this.#cancelDebounce = this.#options.clock.after(this.#options.debounceMs ?? 100, () => {
      this.#cancelDebounce = null;
      void this.reload();
    });
  }

  #schedulePoll(): void {
    if (this.#closed) return;
    this.#cancelPoll = this.#options.clock.after(this.#options.pollMs ?? 10_000, () => {
      void this.#poll();
    });
  }

  /** What no notice tells: lost notices, network file systems, a folder put in the place of this one. */
  async #poll(): Promise<void> {
    await this.#watchFolder();
    await this.reload();
    this.#schedulePoll();
  }

  async #watchFolder(): Promise<void> {
    let found = '';
    try {
      const { dev, ino } = await stat(this.#options.folder);
      found = `${dev}:${ino}`;
      if (this.#closed || (this.#watcher !== null && found === this.#watched)) return;
      this.#watcher?.close();
      this.#watcher = watch(this.#options.folder, { persistent: false }, () => this.#notice());
      this.#watcher.on('error', () => this.#unwatch());
      this.#watched = found;
    } catch {
      // Without notices the poll still looks, and says through `reload` what is wrong with the folder.
      this.#unwatch();
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }
}

/** A provider with open or refundable money may be disabled, never removed or pointed elsewhere. */
async function openMoneyErrors(
  current: LoadedSet,
  next: LoadedSet,
  options: Pick<RulesetStoreOptions, 'hasOpenMoney'>,
): Promise<readonly RulesetError[]> {
  // Sandbox money is none: from the sandbox to real providers nothing is lost.
  if (leavesPlayMoney(current, next)) return [];
  const errors: RulesetError[] = [];
  const file = readYamlFile('providers.yaml', next.files['providers.yaml'] ?? '');
  for (const { before, change } of await cutOff(current, next, options)) {
    if (file.kind === 'refused') continue;
    const index = [...next.ruleset.providers.keys()].indexOf(before.id);
    errors.push(
      file.file.locate({
        path: change === 'removed' ? ['providers'] : ['providers', index, change],
        what:
          change === 'removed'
            ? `provider "${before.id}" is gone, but has open or refundable money`
            : `${change} of "${before.id}" is another, but it has open or refundable money`,
        expected: 'the provider as it was, so that captures, refunds and inquiries reach it',
        remedy: 'put it back with enabled: false; give a new account a new id',
      }),
    );
  }
  return errors;
}

/** From accounts without real money to live ones, or from the sandbox to any others: they cannot stand in one file. */
function leavesPlayMoney({ ruleset: from }: LoadedSet, { ruleset: to }: LoadedSet): boolean {
  const isSandbox = ({ providers }: Ruleset) =>
    [...providers.values()].every(({ adapter }) => adapter === 'sandbox');
  return !from.live && (to.live || (isSandbox(from) && !isSandbox(to)));
}

/** Providers with money of theirs to which the next set has no way any more. */
async function cutOff(
  current: LoadedSet,
  next: LoadedSet,
  options: Pick<RulesetStoreOptions, 'hasOpenMoney'>,
) {
  const found: { readonly before: ProviderContract; readonly change: 'removed' | 'adapter' | 'base_url' }[] =
    [];
  for (const before of current.ruleset.providers.values()) {
    const change = changeOf(before, next.ruleset.providers.get(before.id));
    if (change !== null && (await options.hasOpenMoney(before.id))) found.push({ before, change });
  }
  return found;
}

async function tellLeftBehind(
  before: LoadedSet,
  next: LoadedSet,
  options: RulesetStoreOptions,
): Promise<void> {
  if (options.onLeftBehind === undefined || !leavesPlayMoney(before, next)) return;
  const left = await cutOff(before, next, options);
  if (left.length > 0) options.onLeftBehind(left.map(({ before: { id } }) => id));
}

/** What would cut the way to a provider's money, or null. */
function changeOf(
  before: ProviderContract,
  after: ProviderContract | undefined,
): 'removed' | 'adapter' | 'base_url' | null {
  if (after === undefined) return 'removed';
  if (after.adapter !== before.adapter) return 'adapter';
  return after.baseUrl === before.baseUrl ? null : 'base_url';
}
