import type { AuthorizationRequest } from '../../src/core/authorization.ts';
import type { RuleAction } from '../../src/core/rules/ruleset.ts';
import type { GatewayWorld, WorldProcess, WorldProvider } from '../support/gateway-world.ts';
import type { ScriptStep } from '../support/scripted-provider.ts';

/** A road on a fake clock, with what stands in the end when nothing is in its way. */
export interface SampleRoad {
  readonly title: string;
  readonly script: Partial<Record<WorldProvider, readonly ScriptStep[]>>;
  readonly request?: Partial<AuthorizationRequest>;
  readonly action?: Partial<RuleAction>;
  readonly status: string;
}

/** Roads that differ in what they write. */
export const ROADS: readonly SampleRoad[] = [
  { title: 'approved', script: {}, status: 'approved' },
  { title: 'declined for good', script: { 'sandbox-a': ['decline_hard'] }, status: 'declined' },
  { title: 'declined, then approved', script: { 'sandbox-a': ['decline_soft'] }, status: 'approved' },
  {
    title: 'rejected twice, then approved',
    script: { 'sandbox-a': ['rejected'], 'sandbox-b': ['rejected'] },
    status: 'approved',
  },
  {
    title: 'unknown, and it stands',
    script: { 'sandbox-a': ['hang_processed'] },
    status: 'approved',
  },
  {
    title: 'unknown, and it never was',
    script: { 'sandbox-a': ['hang_unprocessed'] },
    status: 'failed',
  },
  {
    title: 'unknown, to be cancelled, and it lands after that',
    script: { 'sandbox-a': ['land_late'] },
    action: { afterUnknown: 'cancel_then_fail_over' },
    status: 'voided',
  },
  { title: 'in part, undone, then approved', script: { 'sandbox-a': ['partial'] }, status: 'approved' },
  {
    title: 'declined after an approval, which is undone',
    script: { 'sandbox-a': ['decline_hidden_approval'] },
    status: 'declined',
  },
  {
    title: 'approved and captured at once',
    script: {},
    request: { capture: 'automatic' },
    status: 'captured',
  },
];

/** States in which money stands. */
const MONEY: ReadonlySet<string> = new Set([
  'approved',
  'partially_approved',
  'partially_captured',
  'captured',
]);

export function isMoney(status: string | undefined): boolean {
  return status !== undefined && MONEY.has(status);
}

/** Authorizations that reached a provider, repeats under the same key left out. */
export function sentOf(world: GatewayWorld): number {
  return [...world.providers.values()].reduce((sum, { seen }) => sum + seen.length, 0);
}

/** What the providers did more than once, or more of than was asked; all empty when all is well. */
export function bookOf(world: GatewayWorld) {
  const providers = [...world.providers.values()];
  const keys = providers.flatMap(({ seen }) => seen.map(({ providerKey }) => providerKey));
  const entries = providers.flatMap(({ books }) => books);
  return {
    sentTwice: keys.filter((key, index) => keys.indexOf(key) !== index),
    takenTwice: entries.filter(({ captured, amount }) => captured !== 0 && captured !== amount),
  };
}

/** Lets time pass, with housekeeping and resolver of these processes every eight seconds of it. */
export async function looks(
  world: GatewayWorld,
  overMs: number,
  ...processes: readonly WorldProcess[]
): Promise<void> {
  for (let passed = 0; passed < overMs; passed += 8_000) {
    await world.clock.advance(8_000);
    for (const process of processes) await world.look(process);
  }
}
