import type { PhasePlan } from '../core/experiments/assign.ts';
import { banditShares } from '../core/experiments/bandit-shares.ts';
import {
  type Experiment,
  type ExperimentMetric,
  experimentOf,
  HOLDOUT_ID,
  holdoutExperiment,
  isShare,
} from '../core/experiments/experiment.ts';
import { type ExperimentTally, ExposureTally } from '../core/experiments/exposure-tally.ts';
import {
  type GuardrailReading,
  readAccountGuardrails,
  readGuardrails,
} from '../core/experiments/guardrails.ts';
import {
  type ExperimentReport,
  experimentReport,
  type LookedAt,
  lookedAt,
  type PastLook,
} from '../core/experiments/results.ts';
import { WAITED_MS } from './answer-time.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { beginsInTime, inTime, tellLateFault } from './journal-calls.ts';
import { learnedShares } from './live-arms.ts';
import type { ArmState, ExposureCursor, ExposurePage } from './ports.ts';

/** Exposures that are read at once: a few milliseconds of the journal's thread. */
const PAGE = 100;
/** Looks take at most this share of the time: a large experiment is looked at less often. */
const BUSY_SHARE = 0.05;
/** A look is kept when so many more units are in than at the last one that was. */
const KEPT_GROWTH = 1.1;
/** Change of a share that is worth a new phase. */
const SHARE_STEP = 0.01;
/** Who stops arms by itself. */
const GUARDRAIL = 'guardrail';

/** An experiment as operators see it, with its results. */
export interface ExperimentResults {
  readonly experiment: Experiment;
  readonly report: ExperimentReport;
  readonly looks: readonly PastLook[];
  /** Accounts for whose payments alone an arm is stopped, by arm. */
  readonly stoppedFor: ReadonlyMap<string, readonly string[]>;
}

export interface ArmCommand {
  readonly experiment: string;
  readonly arm: string;
  readonly state: ArmState['state'];
  readonly reason: string;
  readonly author: string;
  /** Monotonic clock until which it is waited for: nothing is begun to be written later. */
  readonly untilMs: number;
}

export type ArmResult =
  | { readonly kind: 'set'; readonly state: ArmState }
  | { readonly kind: 'not_found' }
  /** The baseline takes what other arms are not given, and cannot be stopped by itself. */
  | { readonly kind: 'is_baseline' };

type WatchDeps = Pick<GatewayDeps, 'arms' | 'clock' | 'journal' | 'observer' | 'rulesets'>;

/**
 * Reads experiments beside the road: for whoever asks, and again and again to stop arms that a guardrail proves to be
 * worse, to move the shares of bandits, and to keep looks. Exposures stream by in pages; nothing is held but sums.
 */
export class ExperimentWatch {
  readonly #deps: WatchDeps;
  readonly #reading = new Map<string, Promise<ExperimentResults | null>>();
  /** Guardrails that a person has overruled and that were told of. */
  readonly #overruled = new Set<string>();
  #notBeforeMs = 0;
  #stopped = false;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** @throws JournalError; null when the ruleset in force has no such experiment */
  results(id: string): Promise<ExperimentResults | null> {
    const under = this.#reading.get(id);
    if (under !== undefined) return under;
    const reading = this.#results(id).finally(() => this.#reading.delete(id));
    this.#reading.set(id, reading);
    return reading;
  }

  /** Whether a payment was ever recorded in it, whatever the ruleset in force has. @throws JournalError */
  async isRecorded(id: string): Promise<boolean> {
    return (await this.#deps.journal.exposurePage(id, null, 1)).data.length > 0;
  }

  async #results(id: string): Promise<ExperimentResults | null> {
    const { journal, rulesets, arms } = this.#deps;
    const experiment = experimentOf(rulesets.current().experiments, id);
    if (experiment === null) return null;
    const tally = await this.#tally(experiment);
    const phases = await this.#read(() => journal.experimentPhases(id));
    const looks = (await this.#read(() => journal.listExperimentLooks(id))).map(pastLook);
    const stopped = experiment.arms.flatMap(({ name }) => {
      const state = arms.state(id, name);
      return state?.state === 'stopped' ? [[name, state.reason] as const] : [];
    });
    const report = experimentReport({
      experiment,
      tally,
      looks,
      stopped: new Map(stopped),
      phases: phases.map(({ number, plan, firstAtMs }) => ({
        number,
        firstAtMs,
        plan: JSON.parse(plan) as PhasePlan,
      })),
    });
    const stoppedFor = new Map(experiment.arms.map(({ name }) => [name, arms.stoppedFor(id, name)]));
    return { experiment, report, looks, stoppedFor };
  }

  async #tally(experiment: Experiment): Promise<ExperimentTally> {
    const { clock, journal, rulesets } = this.#deps;
    const tally = new ExposureTally(experiment, clock.wallMs(), rulesets.current().exchangeRates);
    let after: ExposureCursor | null = null;
    do {
      const from: ExposureCursor | null = after;
      const page: ExposurePage = await this.#read(() => journal.exposurePage(experiment.id, from, PAGE));
      for (const exposed of page.data) tally.add(exposed);
      after = page.next;
    } while (after !== null && !this.#stopped);
    return tally.end();
  }

  /** Each page has the time of a read: a large experiment has many. @throws JournalError */
  #read<T>(read: () => Promise<T>): Promise<T> {
    const { clock, observer } = this.#deps;
    const onLateFault = (error: unknown) => tellLateFault('an experiment', error, { observer });
    return inTime(read, { untilMs: clock.monotonicMs() + WAITED_MS.read, clock, onLateFault });
  }

  /** Ends what is under way soon, and looks at nothing more. */
  stop(): void {
    this.#stopped = true;
  }

  /** Looks at every running experiment, unless the last looks took so long that it is too early. */
  async look(): Promise<void> {
    const { clock, rulesets } = this.#deps;
    const startedMs = clock.monotonicMs();
    if (startedMs < this.#notBeforeMs) return;
    const { holdout, list } = rulesets.current().experiments;
    for (const experiment of list) if (experiment.status === 'running') await this.#lookAt(experiment);
    if (holdout !== null) await this.#lookAt(holdoutExperiment(holdout));
    const endedMs = clock.monotonicMs();
    this.#notBeforeMs = endedMs + (endedMs - startedMs) / BUSY_SHARE;
  }

  async #lookAt(experiment: Experiment): Promise<void> {
    const tally = await this.#tally(experiment);
    if (tally.units === 0 || this.#stopped) return;
    for (const reading of readGuardrails(experiment, tally)) {
      if (reading.state === 'breached') await this.#breached(experiment, reading);
    }
    for (const { account, ...reading } of readAccountGuardrails(experiment, tally)) {
      await this.#breached(experiment, reading, account);
    }
    if (experiment.mode === 'bandit') await this.#moveShares(experiment, tally);
    await this.#keepLook(experiment, lookedAt(experiment, tally));
  }

  /** @param account by whose own reports, and for whose payments alone; left out: for everybody */
  async #breached(
    experiment: Experiment,
    { arm, metric, margin, ageMs, high }: GuardrailReading,
    account?: string,
  ): Promise<void> {
    const { arms, journal, observer } = this.#deps;
    const { id, baseline } = experiment;
    if (arms.isStopped(id, arm, account)) return;
    // Another process may have stopped it meanwhile, and told so.
    arms.setStates(await journal.listArmStates());
    if (arms.isStopped(id, arm, account)) return;
    const whose = account === undefined ? '' : `, by what ${account} reports and for its payments alone`;
    const early =
      ageMs < experiment.maturityMs
        ? `, ${ageMs / 60_000} min after each payment, whatever becomes of those still open`
        : '';
    const reason = `guardrail ${metric}${whose}: worse than ${baseline} by more than ${amountText(metric, margin)} (at least ${amountText(metric, -(high ?? 0))}${early})`;
    const detail = `experiment ${id}, arm ${arm}: ${reason}`;
    if (arms.stateFor(id, arm, account) !== null) {
      // A person has let it run again: that stands.
      this.#tellOverruled(`${id} ${experiment.seed} ${arm} ${metric}${whose}`, detail);
      return;
    }
    const named = account === undefined ? {} : { account };
    await this.#set({ experiment: id, arm, state: 'stopped', reason, author: GUARDRAIL, ...named });
    observer.alert({ kind: 'experiment_arm_stopped', detail, authorizationId: null });
  }

  /** Once, however often it is seen, and however its figures change. */
  #tellOverruled(what: string, detail: string): void {
    if (this.#overruled.has(what)) return;
    this.#overruled.add(what);
    this.#deps.observer.alert({ kind: 'experiment_guardrail_overruled', detail, authorizationId: null });
  }

  /** A person stops an arm, or lets it run again. @throws JournalError */
  async setArm({ untilMs, ...command }: ArmCommand): Promise<ArmResult> {
    const experiment = experimentOf(this.#deps.rulesets.current().experiments, command.experiment);
    const arm = experiment?.arms.find(({ name }) => name === command.arm);
    if (experiment === null || arm === undefined || experiment.id === HOLDOUT_ID)
      return { kind: 'not_found' };
    if (command.state === 'stopped' && arm.name === experiment.baseline) return { kind: 'is_baseline' };
    const standing = await this.#standing(command);
    if (standing !== null) return { kind: 'set', state: standing };
    beginsInTime(untilMs, this.#deps.clock);
    return { kind: 'set', state: await this.#set(command) };
  }

  /** What the journal has of the same words by the same person, where it still holds for everybody: a repeat moves nothing. */
  async #standing({
    experiment,
    arm,
    state,
    reason,
    author,
  }: Omit<ArmCommand, 'untilMs'>): Promise<ArmState | null> {
    const { arms, journal } = this.#deps;
    arms.setStates(await journal.listArmStates());
    const known = arms.state(experiment, arm);
    if (known === null || arms.stoppedFor(experiment, arm).length > 0) return null;
    return known.state === state && known.reason === reason && known.author === author ? known : null;
  }

  async #set(command: Omit<ArmState, 'createdAtMs'>): Promise<ArmState> {
    const { arms, clock, journal, observer } = this.#deps;
    const state: ArmState = { ...command, createdAtMs: clock.wallMs() };
    await journal.saveArmState(state);
    arms.setStates(await journal.listArmStates());
    observer.armChanged(state);
    return state;
  }

  /** Moves the shares of a bandit, durably. */
  async #moveShares(experiment: Experiment, tally: ExperimentTally): Promise<void> {
    const { arms, clock, journal } = this.#deps;
    const shares = banditShares(experiment, tally);
    if (shares === null) return;
    const before = arms.shares(experiment) ?? experiment.plan.shares;
    if (shares.every((share, index) => Math.abs(share - (before[index] ?? 0)) < SHARE_STEP)) return;
    const rounding = shares.map((share) => Math.max(0.001, Math.round(share * 1000) / 1000));
    const sum = rounding.reduce((total, share) => total + share, 0);
    const moved = rounding.map((share) => share / sum);
    // First, so that a start after this one goes on from here.
    await journal.saveBanditShares({ ...learnedShares(experiment, moved), atMs: clock.wallMs() });
    arms.setShares(experiment, moved);
  }

  /** Keeps what was seen: at each planned look, and where much has come in since. */
  async #keepLook(experiment: Experiment, comparisons: readonly LookedAt[]): Promise<void> {
    const { clock, journal } = this.#deps;
    const units = Math.min(...comparisons.map((comparison) => comparison.units));
    if (comparisons.length === 0) return;
    const looks = (await journal.listExperimentLooks(experiment.id)).map(pastLook);
    const { plannedLooks, expectedSample } = experiment;
    const reached =
      plannedLooks === null
        ? 0
        : Math.min(plannedLooks, Math.floor((units / expectedSample) * plannedLooks + 1e-9));
    const isPlanned = reached > 0 && looks.every(({ planned }) => (planned ?? 0) < reached);
    const last = looks.at(-1)?.comparisons.map((comparison) => comparison.units) ?? [0];
    if (!isPlanned && units < Math.max(...last) * KEPT_GROWTH) return;
    await journal.saveExperimentLook(experiment.id, {
      atMs: clock.wallMs(),
      planned: isPlanned ? reached : null,
      data: JSON.stringify(comparisons),
    });
  }
}

function pastLook({ atMs, planned, data }: { atMs: number; planned: number | null; data: string }): PastLook {
  return { atMs, planned, comparisons: JSON.parse(data) as readonly LookedAt[] };
}

/** Shares in percentage points. */
function amountText(metric: ExperimentMetric, value: number): string {
  const shown = isShare(metric) ? value * 100 : value;
  return `${Math.round(shown * 100) / 100}${isShare(metric) ? ' pp' : ''}`;
}
