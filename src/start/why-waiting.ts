import type { ActivationMode, WaitingFolder } from '../config/ruleset-store.ts';

/** Why a good folder is not in force, and what to do about it. */
const WHY_WAITING: Readonly<Record<WaitingFolder['kind'], string>> = {
  candidate: 'with RULES_ACTIVATION=manual it is in force once somebody activates it',
  rolled_back: 'somebody went back from this content: it is not followed before the folder changes',
  superseded:
    'it was in force before, and other rules came after it: it is not followed before the folder changes. If it is what you ' +
    'want, have it in force by POST /v1/rulesets/{version}/activate; else bring the folder up to date',
};

/** Why a good folder is not in force, in words that say what to do. */
export function whyWaiting(kind: WaitingFolder['kind'], activation: ActivationMode): string {
  return kind === 'rolled_back' && activation === 'manual'
    ? 'somebody went back from this content: it is in force again once somebody activates it'
    : WHY_WAITING[kind];
}
