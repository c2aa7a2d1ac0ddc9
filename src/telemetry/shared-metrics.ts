import { Counter, Gauge, type Registry } from 'prom-client';
import type { RefusalReason, SharedFunction, SharedKey } from '../gateway/shared-state.ts';
import { LabelCache } from './label-cache.ts';

/** Providers that have a series of their own. */
const PROVIDERS_MAX = 400;

/** What is told of the state that several processes share; nothing where there is only one. Methods never throw. */
export interface SharedMetrics {
  function(what: SharedFunction, isUp: boolean): void;
  leased(provider: string, calls: number): void;
  lag(ms: number): void;
  dropped(count: number): void;
  pods(count: number): void;
  refused(key: SharedKey, reason: RefusalReason): void;
  failed(what: SharedFunction): void;
  reconnecting(): void;
}

/** Makes them in a registry. */
export function sharedMetrics(registry: Registry): SharedMetrics {
  const registers = [registry];
  const name = (end: string) => `pointsman_shared_state_${end}`;
  const up = new Gauge({
    name: name('up'),
    help: '1 while a function of the shared state works with the other processes, 0 while this one goes on without them.',
    labelNames: ['function'],
    registers,
  });
  const failures = new Counter({
    name: name('failures_total'),
    help: 'Questions to Redis that were not answered in time, or were refused.',
    labelNames: ['function'],
    registers,
  });
  const reconnects = new Counter({
    name: name('reconnects_total'),
    help: 'Times that a connection to Redis was lost, or not made, and is tried again.',
    registers,
  });
  const lag = new Gauge({
    name: name('lag_seconds'),
    help: 'How far learning is behind what other processes observed.',
    registers,
  });
  const dropped = new Counter({
    name: name('dropped_outcomes_total'),
    help: 'Outcomes that the other processes do not learn from: too many waited, or could not be read.',
    registers,
  });
  const leased = new LabelCache(
    new Counter({
      name: name('leased_calls_total'),
      help: "Calls that this process has leased of a provider's shared limit.",
      labelNames: ['provider'],
      registers,
    }),
    1,
    PROVIDERS_MAX,
  );
  const pods = new Gauge({
    name: name('pods'),
    help: 'Processes that share the state, as far as this one knows; 0 where nothing is shared.',
    registers,
  });
  const refused = new Counter({
    name: name('refused_total'),
    help: 'What stood in the shared state and was not gone by, by what it was and why.',
    labelNames: ['key', 'reason'],
    registers,
  });
  return {
    function: (what, isUp) => up.set({ function: what }, isUp ? 1 : 0),
    leased: (provider, calls) => leased.get(provider).inc(calls),
    lag: (ms) => lag.set(ms / 1000),
    dropped: (count) => dropped.inc(count),
    pods: (count) => pods.set(count),
    refused: (key, reason) => refused.inc({ key, reason }),
    failed: (what) => failures.inc({ function: what }),
    reconnecting: () => reconnects.inc(),
  };
}
