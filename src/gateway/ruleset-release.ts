import type {
  ActiveRuleset,
  ListedRuleset,
  NewActivation,
  Page,
  RulesetActivation,
  RulesetPageQuery,
} from './ports.ts';

/** Something wrong in a file of a ruleset, with its place. */
export interface RulesetFault {
  /** Name within the folder, such as `rules.yaml`. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly what: string;
  readonly expected: string;
  readonly remedy: string;
}

/** A person wants another ruleset in force. */
export interface ReleaseCommand extends Pick<NewActivation, 'author' | 'reason'> {
  /** `previous`: the one that was in force before. */
  readonly version: number | 'previous';
  /** The version that the person takes to be in force. */
  readonly expectedActive: number;
  /** Monotonic clock until which it is waited for: the pointer is not begun to be moved later. */
  readonly untilMs: number;
}

export type ReleaseResult =
  /** It is in force; `changed` is false when it was already, as after a repeat of the same command. */
  | { readonly kind: 'active'; readonly active: ActiveRuleset; readonly changed: boolean }
  | { readonly kind: 'not_found' }
  /** Nothing was in force before this version. */
  | { readonly kind: 'nothing_before'; readonly active: number }
  /** Another version is in force than the person takes to be; nothing was changed. */
  | { readonly kind: 'other_active'; readonly active: number }
  /** It may not come into force as things are; the one before stays. */
  | { readonly kind: 'refused'; readonly errors: readonly RulesetFault[] };

/** What a check of files found; nothing was stored. */
export interface RulesetCheck {
  readonly valid: boolean;
  /** In the order of files and lines. */
  readonly errors: readonly RulesetFault[];
  /** What is good, and may still not be meant. */
  readonly notes: readonly string[];
}

/** What became of a check that somebody asked for. */
export type RulesetCheckResult =
  | ({ readonly kind: 'checked' } & RulesetCheck)
  /** The check was given up: it would have taken more time or memory than one may. */
  | { readonly kind: 'too_costly'; readonly errors: readonly RulesetFault[] }
  /** Not begun: as many checks wait as may. */
  | { readonly kind: 'busy'; readonly waiting: number; readonly retryAfterMs: number }
  /** Not done, by no fault of the files. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Not done: the process is on its way out. */
  | { readonly kind: 'stopping' };

/** In which way a part of a ruleset differs from that of another. */
export interface NamedChange {
  readonly name: string;
  /** `moved`: the same, at another place of the order. */
  readonly change: 'added' | 'removed' | 'changed' | 'moved';
}

/** What one ruleset has other than another. */
export interface RulesetChanges {
  /** Names of files that differ. */
  readonly files: readonly string[];
  readonly rules: readonly NamedChange[];
  readonly providers: readonly NamedChange[];
  readonly experiments: readonly NamedChange[];
}

/** A registered ruleset as it may be shown. */
export interface ShownRuleset extends ListedRuleset {
  /** Content by file name, without secrets. */
  readonly files: Readonly<Record<string, string>>;
  /** The ruleset in force, and what this one has other than it. */
  readonly against: { readonly active: number; readonly changes: RulesetChanges };
}

/** The release of rulesets, as the interface needs it. All methods reject with `JournalError` when the journal fails. */
export interface RulesetReleases {
  list(query: RulesetPageQuery): Promise<Page<ListedRuleset>>;
  activations(query: RulesetPageQuery): Promise<Page<RulesetActivation>>;
  find(version: number): Promise<ShownRuleset | null>;
  /** @param files content by name; null: those of the folder as it is */
  check(files: Readonly<Record<string, string>> | null): Promise<RulesetCheckResult>;
  release(command: ReleaseCommand): Promise<ReleaseResult>;
}
