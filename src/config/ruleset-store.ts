import { invariant } from '../core/invariant.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import { beginsInTime } from '../gateway/journal-calls.ts';
import {
  type ActiveRuleset,
  type Clock,
  type Journal,
  JournalError,
  type NewActivation,
  type Page,
  type RulesetActivation,
  type Rulesets,
} from '../gateway/ports.ts';
import type { ReleaseCommand, ReleaseResult } from '../gateway/ruleset-release.ts';
import type { CredentialSources } from './credentials.ts';
import { FolderWatch } from './folder-watch.ts';
import { type LoadedSet, moneyLeftBehind, openMoneyErrors } from './open-money.ts';
import type { RulesetError } from './ruleset-error.ts';
import { type FolderReading, readRulesetFolder } from './ruleset-folder.ts';
import { type RulesetReading, validateRulesetFiles } from './validate-ruleset-files.ts';

/** `auto`: a good folder is in force at once. `manual`: it is registered, and in force once somebody activates it. */
export type ActivationMode = 'auto' | 'manual';

export interface RulesetStoreOptions {
  readonly folder: string;
  readonly credentials: CredentialSources;
  readonly clock: Clock;
  /**
   * Reads files once payments are served, so that these need not wait for long ones; left out: in line. What cannot be read
   * is refused, and is tried again with the next look.
   */
  readonly read?: (files: Readonly<Record<string, string>>) => Promise<RulesetReading>;
  /** `auto` when left out. */
  readonly activation?: ActivationMode;
  /** Keeps the contents, and the pointer to the one in force. */
  readonly journal: Pick<
    Journal,
    | 'registerRuleset'
    | 'findRuleset'
    | 'activeRuleset'
    | 'activateRuleset'
    | 'listRulesetActivations'
    | 'hasOpenMoney'
  >;
  /** Makes ready what the first set needs, before it becomes current; what it rejects with ends the opening. */
  readonly prepare?: (ruleset: Ruleset) => Promise<void>;
  /** What else keeps this process from going over to a set, such as accounts that cannot be built. */
  readonly check?: (set: LoadedSet) => readonly RulesetError[];
  /** Has the process go by a set; when it throws, the set does not become current. */
  readonly apply?: (ruleset: Ruleset) => void;
  /** Called at the start with the set in force that it takes up, which nobody has activated just now. */
  readonly onTakenUp?: (ruleset: Ruleset, activation: ActiveRuleset) => void;
  /** Called when a set was activated and has become current; the one before it is null at the start. */
  readonly onActivated?: (ruleset: Ruleset, previous: Ruleset | null, activation: ActiveRuleset) => void;
  /**
   * Called when a set leaves the sandbox or test accounts behind, with those of its providers that hold money of theirs:
   * nothing can be captured, refunded or asked about there any more.
   */
  readonly onLeftBehind?: (providers: readonly string[]) => void;
  /** Called once for each different refusal of the folder; the set in force stays. */
  readonly onRejected?: (errors: readonly RulesetError[]) => void;
  /** Called when the folder is not refused any more. */
  readonly onTakenBack?: () => void;
  /** Called when a good folder begins to wait, waits for another reason, or waits no longer. */
  readonly onWaiting?: (waiting: WaitingFolder | null) => void;
  /** Called when this process cannot go by the version in force, and when it can again (null). */
  readonly onBehind?: (behind: RulesetStatus['behind']) => void;
  /** Time between looks at folder and pointer when nothing is notified, milliseconds; 10000 when left out. */
  readonly pollMs?: number;
  /**
   * Time from a notice to the reload, milliseconds, so that several files count as one edit; 100 when left
   * out.
   */
  readonly debounceMs?: number;
}

/** The content of a good folder that is not in force. */
export interface WaitingFolder {
  /**
   * Why it is not: `candidate`: registered, to be activated by a person. `rolled_back`: a person has gone away from it; it is
   * not followed before it changes, and in `manual` not before somebody activates it again. `superseded`: it was in force
   * before, and other content came after it, which a folder that was only found at a start does not take back.
   */
  readonly kind: 'candidate' | 'rolled_back' | 'superseded';
  readonly contentHash: string;
  /** Number under which it is registered. */
  readonly version: number;
}

/** For `/readyz` and operators. */
export interface RulesetStatus {
  readonly version: number;
  readonly contentHash: string;
  /** Wall clock, milliseconds since 1970. */
  readonly loadedAtMs: number;
  readonly activation: ActivationMode;
  /** The pointer, as it was read last. */
  readonly active: ActiveRuleset;
  /** The newest content of the folder, when it is not in force because of these errors. */
  readonly rejected: { readonly atMs: number; readonly errors: readonly RulesetError[] } | null;
  readonly waiting: WaitingFolder | null;
  /** The version in force, when this process goes by another because of these errors. */
  readonly behind: { readonly version: number; readonly errors: readonly RulesetError[] } | null;
}

export type RulesetStoreOpening =
  | { readonly kind: 'opened'; readonly store: RulesetStore }
  | {
      readonly kind: 'refused';
      /** The registered version that is refused; null: the folder. */
      readonly version: number | null;
      readonly errors: readonly RulesetError[];
    };

const FOLDER_MOVE = { cause: 'folder', author: 'folder', reason: 'the folder holds it' } as const;

/**
 * Takes up the set in force and begins to watch the folder. In `auto` mode a good folder comes into force at once, unless a
 * person has gone away from its content, or it was in force before and was followed by other content: a process that is
 * started with an old folder must not take the others' rules back. An empty journal starts with the folder in both. A folder that is bad, or that
 * drops a provider with money, does not keep a process from starting that has run before.
 * @returns what is wrong, when there is no good set to start with
 * @throws what the journal, `prepare`, `apply` or `onActivated` throw or reject with
 */
export async function openRulesetStore(options: RulesetStoreOptions): Promise<RulesetStoreOpening> {
  const active = await options.journal.activeRuleset();
  const before = active === null ? null : await loadVersion(active.version, options, inLine(options));
  const choice = await chooseFirst(active, before, options);
  if (choice.kind === 'refused') return choice;
  const { set, isNew, superseded } = choice;
  await options.prepare?.(set.ruleset);
  // Nobody is served yet: what cannot be applied must not have moved the pointer.
  options.apply?.(set.ruleset);
  let now = active;
  let isMine = true;
  if (isNew) {
    const expected = active?.sequence ?? null;
    const { version } = set.ruleset;
    const move = { ...FOLDER_MOVE, version, atMs: options.clock.wallMs(), expected };
    const moved = await options.journal.activateRuleset(move);
    now = moved.active;
    isMine = moved.kind === 'activated';
  }
  invariant(now !== null, 'after an activation there is one');
  // Where another process was quicker, the first look goes over to its choice.
  if (now.version === set.ruleset.version) {
    if (isNew && isMine) options.onActivated?.(set.ruleset, null, now);
    else options.onTakenUp?.(set.ruleset, now);
  }
  if (before?.kind === 'good') await tellLeftBehind(before.set, set, options);
  const store = new RulesetStore(options, set, now, isMine, superseded);
  await store.reload();
  await store.watch();
  return { kind: 'opened', store };
}

type LoadedVersion =
  | { readonly kind: 'good'; readonly set: LoadedSet }
  | { readonly kind: 'refused'; readonly errors: readonly RulesetError[] };

type ReadFiles = NonNullable<RulesetStoreOptions['read']>;

/** How files are read before anybody is served, and where nobody says otherwise. */
function inLine({ credentials }: RulesetStoreOptions): ReadFiles {
  return async (files) => validateRulesetFiles(files, credentials);
}

/** A registered version, as this version of the program and these secrets read it; null when it is not registered. */
async function loadVersion(
  version: number,
  options: RulesetStoreOptions,
  read: ReadFiles,
): Promise<LoadedVersion | null> {
  const found = await options.journal.findRuleset(version);
  if (found === null) return null;
  const { files } = found;
  const reading = await read(files);
  if (reading.kind === 'refused') return reading;
  const { ruleset, places } = reading;
  return { kind: 'good', set: { ruleset: { ...ruleset, version }, files, places } };
}

/** Content of a folder, and the number under which it is registered. */
type FolderContent = Pick<WaitingFolder, 'contentHash' | 'version'>;

type FirstSet =
  | {
      readonly kind: 'chosen';
      readonly set: LoadedSet;
      readonly isNew: boolean;
      /** The folder's content, when other content came into force after it; null: it did not. */
      readonly superseded: FolderContent | null;
    }
  | Extract<RulesetStoreOpening, { readonly kind: 'refused' }>;

/** Between the set that the pointer stands at and the folder. */
async function chooseFirst(
  active: ActiveRuleset | null,
  before: LoadedVersion | null,
  options: RulesetStoreOptions,
): Promise<FirstSet> {
  const inForce = (superseded: FolderContent | null = null): FirstSet => {
    invariant(active !== null && before !== null, 'the pointer stands at a registered version');
    if (before.kind === 'refused') return { ...before, version: active.version };
    return { kind: 'chosen', set: before.set, isNew: false, superseded };
  };
  if (active !== null && options.activation === 'manual') return inForce();
  const known = before?.kind === 'good' ? before.set : null;
  const refused = (errors: readonly RulesetError[]): FirstSet =>
    known === null ? { kind: 'refused', version: null, errors } : inForce();
  const folder = await readRulesetFolder(options.folder);
  if (folder.kind === 'refused') return refused(folder.errors);
  if (active?.leftByPersons.some((left) => left.contentHash === folder.contentHash) === true)
    return inForce();
  if (known?.ruleset.contentHash === folder.contentHash) return inForce();
  const reading = validateRulesetFiles(folder.files, options.credentials);
  if (reading.kind === 'refused') return refused(reading.errors);
  // Where this version of the program refuses what is in force, old content is better than none.
  const succeeded = known === null ? null : await succeededVersion(folder.contentHash, options);
  if (succeeded !== null) return inForce({ contentHash: folder.contentHash, version: succeeded });
  const set = { ruleset: reading.ruleset, files: folder.files, places: reading.places };
  const hasOpenMoney = options.journal.hasOpenMoney.bind(options.journal);
  // The first look says what is wrong. Without a set to fall back on, what cannot be applied ends the start.
  if (known !== null && (options.check?.(set) ?? []).length > 0) return inForce();
  if (known !== null && (await openMoneyErrors(known, set, hasOpenMoney)).length > 0) return inForce();
  return { kind: 'chosen', set: await numbered(set, options), isNew: true, superseded: null };
}

/** Activations that are read at a time. */
const ACTIVATIONS_PAGE = 200;

/**
 * Number under which content was in force last, when something else came after it: from a folder or by a person. Null when it
 * never was, or when the gateway itself took it back, since money stood at what it left out: that has never had its turn.
 */
async function succeededVersion(
  contentHash: string,
  { journal }: RulesetStoreOptions,
): Promise<number | null> {
  let next: RulesetActivation | null = null;
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Page<RulesetActivation> = await journal.listRulesetActivations({
      limit: ACTIVATIONS_PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const activation of page.data) {
      if (activation.contentHash === contentHash) {
        return next === null || next.cause === 'restored' ? null : activation.version;
      }
      next = activation;
    }
    cursor = page.nextCursor;
  }
  return null;
}

/** The set under the version that the journal gives it. */
async function numbered(
  { ruleset, files, places }: LoadedSet,
  options: RulesetStoreOptions,
): Promise<LoadedSet> {
  const atMs = options.clock.wallMs();
  const version = await options.journal.registerRuleset(ruleset.contentHash, files, atMs);
  return { ruleset: { ...ruleset, version }, files, places };
}

/**
 * The ruleset in force: follows the pointer in the journal, and has good content of the folder activated or registered. A
 * bad edit keeps the set in force.
 */
export class RulesetStore implements Rulesets {
  readonly #options: RulesetStoreOptions;
  readonly #read: ReadFiles;
  readonly #watch: FolderWatch;
  #current: LoadedSet;
  /** The pointer, as it was read last. */
  #active: ActiveRuleset;
  /** Sequence of the activation by which the current set is current; 0: of none. */
  #followed: number;
  /** Sequence of the activation that this process could not go by when it was read last; 0: of none. */
  #refused = 0;
  #loadedAtMs: number;
  #rejected: RulesetStatus['rejected'] = null;
  #waiting: WaitingFolder | null = null;
  #behind: RulesetStatus['behind'] = null;
  /** Hash of the folder's content at the last look; null: not looked at, or not readable. */
  #folder: string | null = null;
  /** The folder's content that was in force last, or taken to be so: it is followed only once. */
  #dealtWith: FolderContent | null;
  /**
   * Sequence of the activation in force when the folder was last brought to what is in force: what persons had left by then
   * may come back through the folder. 0: never.
   */
  #broughtBackAt = 0;
  /** Gone over to, without an answer whether money stands at what went. */
  #unproven: { readonly before: LoadedSet; readonly active: ActiveRuleset } | null = null;
  /** What reads or moves the pointer, one after the other. */
  #running: Promise<unknown> = Promise.resolve();
  #looks: Promise<void> = Promise.resolve();
  #waitingLook: Promise<void> | null = null;
  #closed = false;

  /**
   * @param isFollowed whether `active` is the activation by which the set is current
   * @param superseded what the folder holds at the start, when that is not to come back by itself
   */
  constructor(
    options: RulesetStoreOptions,
    set: LoadedSet,
    active: ActiveRuleset,
    isFollowed: boolean,
    superseded: FolderContent | null,
  ) {
    this.#options = options;
    this.#read = options.read ?? inLine(options);
    this.#dealtWith = superseded;
    this.#current = set;
    this.#active = active;
    this.#followed = isFollowed ? active.sequence : 0;
    this.#loadedAtMs = options.clock.wallMs();
    this.#watch = new FolderWatch({
      folder: options.folder,
      clock: options.clock,
      look: () => this.reload(),
      pollMs: options.pollMs ?? 10_000,
      debounceMs: options.debounceMs ?? 100,
    });
  }

  current(): Ruleset {
    return this.#current.ruleset;
  }

  /** Content by name of the files that this process goes by. */
  files(): Readonly<Record<string, string>> {
    return this.#current.files;
  }

  status(): RulesetStatus {
    const { version, contentHash } = this.#current.ruleset;
    return {
      version,
      contentHash,
      loadedAtMs: this.#loadedAtMs,
      activation: this.#options.activation ?? 'auto',
      active: this.#active,
      rejected: this.#rejected,
      waiting: this.#waiting,
      behind: this.#behind,
    };
  }

  /**
   * Looks at pointer and folder now. Looks run one after the other; a call while one waits joins it. Never rejects: what
   * goes wrong is in `status()` and goes to `onRejected`.
   */
  reload(): Promise<void> {
    if (this.#waitingLook !== null) return this.#waitingLook;
    const next = this.#looks.then(async () => {
      this.#waitingLook = null;
      if (this.#closed) return;
      // Not in turn: a folder that does not answer must not keep anybody from rolling back.
      const folder = await readRulesetFolder(this.#options.folder);
      if (!this.#closed) await this.#inTurn(() => this.#look(folder));
    });
    this.#waitingLook = next;
    this.#looks = next;
    return next;
  }

  /**
   * Looks at the pointer alone, now: for whoever asks often, where other processes move it. Never rejects; what the journal
   * does not answer, the next look at all of it tells.
   */
  follow(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed) return;
      try {
        const before = this.#followed;
        await this.#prove();
        await this.#follow(false);
        if (this.#followed !== before && !this.#settleFolder()) void this.reload();
      } catch (error) {
        if (!(error instanceof JournalError)) this.#reject([notActivated(error)]);
      }
    });
  }

  /**
   * Has another registered version in force, in this process at once.
   * @throws JournalError when the journal fails: whether it is in force is then not known, and a repeat tells
   */
  release(command: ReleaseCommand): Promise<ReleaseResult> {
    return this.#inTurn(() => this.#release(command));
  }

  /** Begins to watch; called once, by `openRulesetStore`. */
  watch(): Promise<void> {
    return this.#watch.begin();
  }

  /** Stops watching, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.close();
    await this.#looks;
    await this.#running;
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const next = this.#running.then(task);
    this.#running = next.catch(() => {});
    return next;
  }

  async #look(folder: FolderReading): Promise<void> {
    try {
      await this.#prove();
      await this.#follow();
      await this.#lookAtFolder(folder);
    } catch (error) {
      // The set in force stays, and the next look tries again. That the journal fails is told by its own alarms: nobody
      // is to look for it in the files.
      if (!(error instanceof JournalError)) this.#reject([notActivated(error)]);
    }
  }

  /**
   * Goes over to the set that the pointer stands at, whoever has moved it there.
   * @param again whether one that was refused is read again: looks at the pointer come each second, and long rules take a
   *   thread for a third of that
   */
  async #follow(again = true): Promise<void> {
    const active = await this.#options.journal.activeRuleset();
    // Only where the journal was taken away: then the set in force is still the best that is known.
    if (active === null) return;
    this.#active = active;
    if (active.sequence === this.#followed) return;
    const before = this.#current;
    if (active.version === before.ruleset.version) {
      this.#followed = active.sequence;
      return this.#setBehind(null);
    }
    if (!again && active.sequence === this.#refused) return;
    const loaded = await loadVersion(active.version, this.#options, this.#read);
    if (this.#closed) return;
    invariant(loaded !== null, 'the pointer stands at a registered version');
    const errors = loaded.kind === 'refused' ? loaded.errors : (this.#options.check?.(loaded.set) ?? []);
    if (loaded.kind === 'refused' || errors.length > 0) return this.#stayBehind(active, errors);
    try {
      this.#take(loaded.set, active);
    } catch (error) {
      return this.#stayBehind(active, [notActivated(error)]);
    }
    const cut = await this.#lookBack(before, active);
    if (cut.length > 0) this.#reject(cut);
  }

  #stayBehind({ sequence, version }: ActiveRuleset, errors: readonly RulesetError[]): void {
    this.#refused = sequence;
    this.#setBehind({ version, errors });
  }

  async #lookAtFolder(folder: FolderReading): Promise<void> {
    if (folder.kind === 'refused') {
      this.#folder = null;
      return this.#reject(folder.errors);
    }
    const hasChanged = folder.contentHash !== this.#folder;
    this.#folder = folder.contentHash;
    if (this.#settleFolder()) {
      if (this.#inStep() && hasChanged && this.#active.sequence === this.#followed) {
        this.#broughtBackAt = this.#active.sequence;
      }
      return;
    }
    const reading = await this.#read(folder.files);
    if (this.#closed) return;
    if (reading.kind === 'refused') return this.#reject(reading.errors);
    const set = { ruleset: reading.ruleset, files: folder.files, places: reading.places };
    const faults = this.#options.check?.(set) ?? [];
    if (faults.length > 0) return this.#reject(faults);
    if (this.#options.activation === 'manual') {
      const { version, contentHash } = (await numbered(set, this.#options)).ruleset;
      this.#takenBack();
      return this.#setWaiting(this.#unfollowed(contentHash, version));
    }
    const cut = await openMoneyErrors(this.#current, set, this.#hasOpenMoney);
    if (cut.length > 0) return this.#reject(cut);
    const next = await numbered(set, this.#options);
    const came = await this.#goOver(next, FOLDER_MOVE);
    if (came.kind === 'refused') return this.#reject(came.errors);
    // Where somebody else was quicker, the next look goes on from there.
    if (came.kind === 'stale') return;
    this.#dealtWith = { contentHash: folder.contentHash, version: next.ruleset.version };
    this.#settleFolder();
  }

  #inStep(): boolean {
    return this.#folder !== null && this.#folder === this.#current.ruleset.contentHash;
  }

  /**
   * Says why the content of the folder is not to come into force, from what is known of it.
   * @returns false when it may be: it must be looked into
   */
  #settleFolder(): boolean {
    const contentHash = this.#folder;
    if (contentHash === null) return false;
    const isAuto = this.#options.activation !== 'manual';
    let waiting: WaitingFolder | null = null;
    const held = this.#active.leftByPersons.findLast(
      (left) => left.contentHash === contentHash && left.sequence > this.#broughtBackAt,
    );
    if (this.#inStep()) this.#dealtWith = { contentHash, version: this.#current.ruleset.version };
    else if (isAuto && held !== undefined) {
      waiting = { kind: 'rolled_back', contentHash, version: held.version };
    } else if (isAuto && this.#dealtWith?.contentHash === contentHash) {
      waiting = { kind: 'superseded', ...this.#dealtWith };
    } else if (!isAuto && this.#waiting?.contentHash === contentHash) {
      waiting = this.#unfollowed(contentHash, this.#waiting.version);
    } else return false;
    this.#takenBack();
    this.#setWaiting(waiting);
    return true;
  }

  /** What a good folder is in `manual` mode, whose content is registered under this number. */
  #unfollowed(contentHash: string, version: number): WaitingFolder {
    const wasLeft = this.#active.leftByPersons.some((left) => left.version === version);
    return { kind: wasLeft ? 'rolled_back' : 'candidate', contentHash, version };
  }

  async #release(command: ReleaseCommand): Promise<ReleaseResult> {
    const { clock } = this.#options;
    beginsInTime(command.untilMs, clock);
    await this.#prove();
    await this.#follow();
    const active = this.#active;
    const { expectedActive, author, reason } = command;
    if (isInForce(command, active)) {
      return this.#behind === null
        ? { kind: 'active', active, changed: false }
        : { kind: 'refused', errors: this.#behind.errors };
    }
    if (active.version !== expectedActive) return { kind: 'other_active', active: active.version };
    const isRollback = command.version === 'previous';
    const version = command.version === 'previous' ? active.previous : command.version;
    if (version === null) return { kind: 'nothing_before', active: active.version };
    const loaded = await loadVersion(version, this.#options, this.#read);
    if (loaded === null) return { kind: 'not_found' };
    if (loaded.kind === 'refused') return loaded;
    const { set } = loaded;
    const faults = this.#options.check?.(set) ?? [];
    if (faults.length > 0) return { kind: 'refused', errors: faults };
    const cut = await openMoneyErrors(this.#current, set, this.#hasOpenMoney);
    if (cut.length > 0) return { kind: 'refused', errors: cut };
    beginsInTime(command.untilMs, clock);
    const came = await this.#goOver(set, { cause: isRollback ? 'rollback' : 'activation', author, reason });
    if (came.kind === 'stale') return { kind: 'other_active', active: this.#active.version };
    if (came.kind === 'refused') return came;
    if (!this.#settleFolder()) void this.reload();
    return { kind: 'active', active: came.active, changed: true };
  }

  /** Moves the pointer to a set that was checked, and goes by it. */
  async #goOver(set: LoadedSet, move: Pick<NewActivation, 'cause' | 'author' | 'reason'>) {
    const before = this.#current;
    const moved = await this.#move({ ...move, version: set.ruleset.version });
    if (moved.kind === 'stale') return { kind: 'stale' } as const;
    const { active } = moved;
    try {
      this.#take(set, active);
    } catch (error) {
      const fault = notActivated(error);
      await this.#goBack(before, active, fault.what);
      return { kind: 'refused', errors: [fault] } as const;
    }
    const cut = await this.#lookBack(before, active);
    return cut.length > 0
      ? ({ kind: 'refused', errors: cut } as const)
      : ({ kind: 'in_force', active } as const);
  }

  async #move(move: Omit<NewActivation, 'atMs' | 'expected'>) {
    const atMs = this.#options.clock.wallMs();
    const expected = this.#active.sequence;
    const moved = await this.#options.journal.activateRuleset({ ...move, atMs, expected });
    if (moved.active !== null) this.#active = moved.active;
    return moved;
  }

  #take(set: LoadedSet, active: ActiveRuleset): void {
    const before = this.#current;
    this.#options.apply?.(set.ruleset);
    this.#current = set;
    this.#followed = active.sequence;
    this.#loadedAtMs = this.#options.clock.wallMs();
    this.#setBehind(null);
    if (active.cause === 'folder') this.#takenBack();
    this.#options.onActivated?.(set.ruleset, before.ruleset, active);
  }

  /**
   * An attempt may have begun at a provider that goes, between the question for its money and the going: then the set
   * before comes back.
   * @returns why it does
   */
  async #lookBack(before: LoadedSet, active: ActiveRuleset): Promise<readonly RulesetError[]> {
    this.#unproven = { before, active };
    const cut = await openMoneyErrors(before, this.#current, this.#hasOpenMoney);
    if (cut.length > 0) await this.#goBack(before, active, cut.map(({ what }) => what).join('; '));
    else await tellLeftBehind(before, this.#current, this.#options);
    this.#unproven = null;
    return cut;
  }

  /** The journal did not say whether money stands at what went: it is asked again. */
  async #prove(): Promise<void> {
    if (this.#unproven === null) return;
    const { before, active } = this.#unproven;
    if (active.sequence !== this.#followed) this.#unproven = null;
    else {
      const cut = await this.#lookBack(before, active);
      if (cut.length > 0) this.#reject(cut);
    }
  }

  async #goBack(before: LoadedSet, active: ActiveRuleset, why: string): Promise<void> {
    this.#active = active;
    const { version } = before.ruleset;
    const reason = `ruleset ${active.version} may not stay: ${why}`;
    const moved = await this.#move({ version, cause: 'restored', author: 'gateway', reason });
    if (moved.kind === 'activated') this.#take(before, moved.active);
    // Somebody else has moved it on: the next look goes there.
    else this.#followed = 0;
  }

  readonly #hasOpenMoney = (provider: string) => this.#options.journal.hasOpenMoney(provider);

  #reject(errors: readonly RulesetError[]): void {
    this.#setWaiting(null);
    const known = this.#rejected !== null && JSON.stringify(this.#rejected.errors) === JSON.stringify(errors);
    if (known) return;
    this.#rejected = { atMs: this.#options.clock.wallMs(), errors };
    this.#options.onRejected?.(errors);
  }

  #takenBack(): void {
    if (this.#rejected === null) return;
    this.#rejected = null;
    this.#options.onTakenBack?.();
  }

  #setWaiting(waiting: WaitingFolder | null): void {
    if (JSON.stringify(waiting) === JSON.stringify(this.#waiting)) return;
    this.#waiting = waiting;
    this.#options.onWaiting?.(waiting);
  }

  #setBehind(behind: RulesetStatus['behind']): void {
    if (JSON.stringify(behind) === JSON.stringify(this.#behind)) return;
    this.#behind = behind;
    this.#options.onBehind?.(behind);
  }
}

/** Whether what a person asks for is in force, by the person's own command or somebody else's. */
function isInForce({ version, expectedActive }: ReleaseCommand, active: ActiveRuleset): boolean {
  if (version !== 'previous') return version === active.version;
  return (
    active.cause === 'rollback' && active.replaced === expectedActive && active.version !== expectedActive
  );
}

/** The journal or an observer failed, which a look later may be over. */
function notActivated(error: unknown): RulesetError {
  const reason = error instanceof Error ? error.message : String(error);
  return {
    file: '.',
    line: 1,
    column: 1,
    what: `the ruleset could not be activated: ${reason}`,
    expected: 'a journal that records it',
    remedy: 'it is tried again by itself',
  };
}

async function tellLeftBehind(
  before: LoadedSet,
  next: LoadedSet,
  options: RulesetStoreOptions,
): Promise<void> {
  if (options.onLeftBehind === undefined) return;
  const hasOpenMoney = options.journal.hasOpenMoney.bind(options.journal);
  const left = await moneyLeftBehind(before, next, hasOpenMoney);
  if (left.length > 0) options.onLeftBehind(left);
}
