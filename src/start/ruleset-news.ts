import type { Settings } from '../config/environment.ts';
import { formatRulesetError } from '../config/ruleset-error.ts';
import type { RulesetStoreOptions } from '../config/ruleset-store.ts';
import { changesOfRunning } from '../core/experiments/changes.ts';
import { eventsRefused } from '../core/rules/account-names.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import type { LiveArms } from '../gateway/live-arms.ts';
import type { ActivationCause } from '../gateway/ports.ts';
import { journalPlace } from './open-journal.ts';
import type { Parts } from './parts.ts';
import { whyWaiting } from './why-waiting.ts';

type RulesetNews = Required<Pick<RulesetStoreOptions, Extract<keyof RulesetStoreOptions, `on${string}`>>>;

/** Logs and counts what becomes of rulesets: which is in force, which waits, which is refused, and why. */
export function rulesetNews({
  settings,
  log,
  metrics,
  arms,
}: Pick<Parts, 'settings' | 'log' | 'metrics' | 'arms'>): RulesetNews {
  const goBy = (ruleset: Ruleset, previous: Ruleset | null, cause: ActivationCause | null = null) => {
    metrics.rulesetActivated(ruleset.version, previous === null ? null : cause);
    for (const [provider, contract] of ruleset.providers) {
      const refused = eventsRefused(contract);
      if (refused !== null) log.warn('webhooks_not_configured', { provider, ...refused });
    }
    for (const note of notesOf(ruleset, previous, arms)) log.warn('experiment_note', { note });
  };
  return {
    onTakenUp(ruleset, { cause, author, reason }) {
      goBy(ruleset, null);
      log.info('ruleset_taken_up', { ruleset: ruleset.version, cause, author, reason });
    },
    onActivated(ruleset, previous, { cause, author, reason, replaced }) {
      goBy(ruleset, previous, cause);
      const versions = { ruleset: ruleset.version, previous: previous?.version ?? replaced };
      log.info('ruleset_activated', { ...versions, cause, author, reason });
    },
    onLeftBehind: (providers) => log.warn('money_left_behind', leftBehind(providers, settings)),
    onRejected(errors) {
      metrics.rulesetRejected();
      const where = { rules_dir: settings.rulesDir, effect: 'the rules in force stay' };
      for (const error of errors)
        log.error('ruleset_refused', { problem: formatRulesetError(error), ...where });
    },
    onTakenBack() {
      metrics.rulesetTakenBack();
      log.info('ruleset_refused_no_longer', { rules_dir: settings.rulesDir });
    },
    onWaiting(waiting) {
      metrics.rulesetWaiting(waiting);
      if (waiting === null) return log.info('ruleset_waits_no_longer');
      const { kind, contentHash: content_hash, version } = waiting;
      const why = whyWaiting(kind, settings.rulesActivation);
      log.warn('ruleset_waits', { kind, ruleset: version, content_hash, why });
    },
    onBehind(behind) {
      metrics.rulesetBehind(behind !== null);
      for (const error of behind?.errors ?? []) {
        const problem = formatRulesetError(error);
        log.error('ruleset_not_followed', { ruleset: behind?.version ?? null, problem });
      }
    },
  };
}

function leftBehind(providers: readonly string[], settings: Settings) {
  return {
    providers: providers.join(','),
    problem:
      `${journalPlace(settings)} holds authorizations of the sandbox or of test accounts that are gone from ` +
      'providers.yaml: they can no longer be captured, refunded, voided or found out',
    remedy: 'begin real providers with a new journal; or put the folder of rules back as it was',
  };
}

function notesOf({ experiments }: Ruleset, previous: Ruleset | null, arms: LiveArms): readonly string[] {
  const changes = previous === null ? [] : changesOfRunning(previous.experiments, experiments);
  return [...experiments.notes, ...changes, ...arms.stoppedIn(experiments)];
}
