import { fateOf, type PaymentWorld } from './payment-world.ts';
import type { NamedPolicy } from './policy.ts';
import { runWorld } from './run-world.ts';

/** Mean regret over as many seeds as told. */
export async function meanRegret(seeds: number, world: PaymentWorld, policy: NamedPolicy): Promise<number> {
  let sum = 0;
  for (let seed = 1; seed <= seeds; seed += 1)
    sum += (await runWorld(world, fateOf(world, seed), policy)).regret;
  return sum / seeds;
}
