import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
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
  /** Called just before a set becomes current; when it throws, the set does not. */
  readonly onActivated?: (ruleset: Ruleset, previous: Ruleset | null) => void;
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
 * Loads the folder and begins to watch it.
 * @returns what is wrong, when there is no good set to start with
 * @throws what `register` rejects with
 */
export async function openRulesetStore(options: RulesetStoreOptions): Promise<RulesetStoreOpening> {
  const folder = await readRulesetFolder(options.folder);
  if (folder.kind === 'refused') return folder;
  const reading = validateRulesetFiles(folder.files, options.credentials);
  if (reading.kind === 'refused') return reading;
  const version = await options.register(folder.contentHash, folder.files);
  const ruleset = { ...reading.ruleset, version };
  options.onActivated?.(ruleset, null);
  const store = new RulesetStore(options, ruleset);
  await store.watch();
  return { kind: 'opened', store };
}

/** The active ruleset of a folder, reloaded when the folder changes. A bad edit keeps the last good set. */
export class RulesetStore implements Rulesets {
  readonly #options: RulesetStoreOptions;
  #current: Ruleset;
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

  constructor(options: RulesetStoreOptions, ruleset: Ruleset) {
    this.#options = options;
    this.#current = ruleset;
    this.#loadedAtMs = options.clock.wallMs();
  }

  current(): Ruleset {
    return this.#current;
  }

  status(): RulesetStatus {
    const { version, contentHash } = this.#current;
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
      const folder = await readRulesetFolder(this.#options.folder);
      if (folder.kind === 'refused') return this.#reject(folder.errors);
      if (folder.contentHash === this.#current.contentHash) {
        if (this.#rejected !== null) this.#options.onTakenBack?.();
        this.#rejected = null;
        return;
      }
      const reading = validateRulesetFiles(folder.files, this.#options.credentials);
      if (reading.kind === 'refused') return this.#reject(reading.errors);
      const providersText = folder.files['providers.yaml'] ?? '';
      const kept = await this.#openMoneyErrors(reading.ruleset, providersText);
      if (kept.length > 0) return this.#reject(kept);
      const version = await this.#options.register(folder.contentHash, folder.files);
      this.#activate({ ...reading.ruleset, version });
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

  #activate(ruleset: Ruleset): void {
    if (this.#closed) return;
    this.#options.onActivated?.(ruleset, this.#current);
    this.#current = ruleset;
    this.#loadedAtMs = this.#options.clock.wallMs();
    this.#rejected = null;
  }

  #reject(errors: readonly RulesetError[]): void {
    const known = this.#rejected !== null && JSON.stringify(this.#rejected.errors) === JSON.stringify(errors);
    if (known) return;
    this.#rejected = { atMs: this.#options.clock.wallMs(), errors };
    this.#options.onRejected?.(errors);
  }

  /** A provider with open or refundable money may be disabled, never removed or pointed elsewhere. */
  async #openMoneyErrors(next: Ruleset, providersText: string): Promise<readonly RulesetError[]> {
    const errors: RulesetError[] = [];
    const file = readYamlFile('providers.yaml', providersText);
    for (const before of this.#current.providers.values()) {
      const change = changeOf(before, next.providers.get(before.id));
      if (change === null || !(await this.#options.hasOpenMoney(before.id)) || file.kind === 'refused')
        continue;
      const index = [...next.providers.keys()].indexOf(before.id);
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

/** What would cut the way to a provider's money, or null. */
function changeOf(
  before: ProviderContract,
  after: ProviderContract | undefined,
): 'removed' | 'adapter' | 'base_url' | null {
  if (after === undefined) return 'removed';
  if (after.adapter !== before.adapter) return 'adapter';
  return after.baseUrl === before.baseUrl ? null : 'base_url';
}
