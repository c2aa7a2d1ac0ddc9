import type { Settings } from '../config/environment.ts';
import { missingCredentials } from '../config/missing-credentials.ts';
import type { CheckedSet } from '../config/open-money.ts';
import { whereIsIn } from '../config/provider-places.ts';
import type { RulesetError } from '../config/ruleset-error.ts';
import type { RulesetStoreOptions } from '../config/ruleset-store.ts';
import { setupErrors } from '../config/setup-errors.ts';
import type { Ruleset } from '../core/rules/ruleset.ts';
import type { AdapterDeps } from '../providers/adapter-deps.ts';
import type { RegistryDeps } from '../providers/registry.ts';
import { type SandboxChild, startSandboxChild } from '../providers/sandbox/sandbox-child.ts';
import { setupProblems } from '../providers/setup-problems.ts';
import type { Log } from '../telemetry/log.ts';
import type { Parts } from './parts.ts';
import { StartError } from './start-error.ts';

/** What the store of rulesets asks of a process: see {@link rulesetSteps}. */
export interface RulesetSteps extends Required<Pick<RulesetStoreOptions, 'prepare' | 'apply'>> {
  readonly check: (set: CheckedSet) => readonly RulesetError[];
}

/** How a process goes over to a ruleset, and what keeps it from that. */
export function rulesetSteps(
  settings: Settings,
  log: Log,
  sandbox: { child: SandboxChild | null },
  parts: Pick<Parts, 'registry' | 'lanes'> & { readonly adapterDeps: RegistryDeps },
): RulesetSteps {
  const { registry, lanes, adapterDeps } = parts;
  let isPrepared = false;
  return {
    async prepare(ruleset) {
      sandbox.child = await startSandboxIfNeeded(ruleset, settings, log);
      isPrepared = true;
    },
    apply({ providers }) {
      if (settings.production && [...providers.values()].some(({ adapter }) => adapter === 'sandbox')) {
        throw new StartError('sandbox providers are refused with NODE_ENV=production: configure real ones');
      }
      registry.load({ providers });
      lanes.update(providers);
    },
    // Before that, the sandbox is taken to be there: it is started for the set that is chosen.
    check: (set) => usageErrors(set, settings, isPrepared ? adapterDeps : withoutSandboxUrl(adapterDeps)),
  };
}

function withoutSandboxUrl({ clock, declineTables }: RegistryDeps): AdapterDeps {
  return { clock, declineTables };
}

/** What keeps this process from going by a good ruleset: an environment that forbids it, accounts that cannot be built. */
function usageErrors(
  { ruleset, places }: CheckedSet,
  { production }: Settings,
  deps: AdapterDeps | RegistryDeps,
): readonly RulesetError[] {
  const whereIs = whereIsIn(places);
  const forbidden = [...ruleset.providers.values()].filter(
    ({ adapter }) => production && adapter === 'sandbox',
  );
  const missing = missingCredentials(ruleset);
  return [
    ...forbidden.map(({ id }) =>
      whereIs(id, 'adapter', {
        what: `"${id}" is a sandbox provider, with NODE_ENV=production`,
        expected: 'real providers',
        remedy: 'configure real ones',
      }),
    ),
    ...setupErrors(setupProblems(ruleset, deps), missing, whereIs),
  ];
}

/** The sandbox runs beside us when only sandbox providers are configured, and each has no address of its own. */
async function startSandboxIfNeeded(
  ruleset: Ruleset,
  settings: Settings,
  log: Log,
): Promise<SandboxChild | null> {
  if (settings.sandbox === 'off' || settings.production) return null;
  const providers = [...ruleset.providers.values()].filter(
    ({ adapter, baseUrl }) => adapter === 'sandbox' && baseUrl === null,
  );
  if (providers.length === 0) return null;
  // Else it would be the gateway that finds its port in use, and nobody would know by whom.
  if (settings.sandboxPort === settings.port && settings.port !== 0) {
    throw new StartError(
      `PORT and SANDBOX_PORT are both ${settings.port}; expected two ports: the gateway and its sandbox listen each on one of ` +
        'their own. Set SANDBOX_PORT to another one, or to 0 for any that is free.',
    );
  }
  return startSandboxChild(
    providers.map(({ id }) => id),
    settings.sandboxPort,
    (code) =>
      log.error('sandbox_ended', { code, remedy: 'restart the gateway: its sandbox providers are gone' }),
  );
}
