import type { CardBrand } from '../core/card.ts';
import type { ProviderSemantics } from '../core/resolution.ts';
import { ACCOUNT_NAMES } from '../core/rules/account-names.ts';
import { isLiveAccount } from '../core/rules/live-account.ts';
import type { RuleProblem } from '../core/rules/rule-problem.ts';
import type { Fees, ProviderContract } from '../core/rules/ruleset.ts';
import { nearestName } from '../core/text/nearest-name.ts';
import { type CredentialSources, resolveCredential } from './credentials.ts';
import type { RawProvider } from './ruleset-schemas.ts';

/** Time that a breaker stays open when the file does not say, milliseconds. */
const RESET_MS = 5000;

/**
 * Turns providers that have the file's shape into contracts, and adds what is wrong to `problems`.
 * @param raw null in the place of one that has not
 */
export function readProviders(
  raw: readonly (RawProvider | null)[],
  credentials: CredentialSources,
  problems: RuleProblem[],
): ReadonlyMap<string, ProviderContract> {
  const contracts = new Map<string, ProviderContract>();
  const real = raw.find((provider) => provider !== null)?.adapter !== 'sandbox';
  for (const [index, provider] of raw.entries()) {
    if (provider === null) continue;
    const path = ['providers', index];
    if (contracts.has(provider.id)) {
      problems.push({
        path: [...path, 'id'],
        what: `a second provider "${provider.id}"`,
        expected: 'each id once',
        remedy: 'rename or remove one of the two',
      });
      continue;
    }
    if ((provider.adapter !== 'sandbox') !== real) {
      problems.push({
        path: [...path, 'adapter'],
        what: `"${provider.id}" is ${real ? 'a sandbox among real providers' : 'a real one among sandboxes'}`,
        expected: 'only sandbox providers, or none: sandbox money must never pass for real',
        remedy: 'keep them in folders apart',
      });
    }
    problems.push(...urlProblems(provider, index), ...timeProblems(provider, index));
    for (const name of Object.keys(provider.settings)) {
      const unknown = unknownName(provider, index, 'settings', name);
      if (unknown !== null) problems.push(unknown);
    }
    contracts.set(provider.id, contractOf(provider, readCredentials(provider, index, credentials, problems)));
  }
  problems.push(...mixtureProblems(raw, contracts, credentials.placeholder));
  return contracts;
}

type RawFees = RawProvider['fees'];

function feesOf(fees: Omit<RawFees, 'brands'>): Fees {
  return {
    fixed: fees.fixed,
    basisPoints: fees.basis_points,
    crossBorderBasisPoints: fees.cross_border_basis_points,
  };
}

/** What a brand does not say is as for the others. */
function brandFees({ brands, ...others }: RawFees): ReadonlyMap<CardBrand, Fees> {
  return new Map(
    Object.entries(brands).map(([brand, own]) => [
      brand as CardBrand,
      feesOf({
        fixed: own.fixed === undefined ? others.fixed : own.fixed,
        basis_points: own.basis_points ?? others.basis_points,
        cross_border_basis_points: own.cross_border_basis_points ?? others.cross_border_basis_points,
      }),
    ]),
  );
}

/**
 * Accounts at test systems among live ones: an approval without money would pass for a real one.
 * @param placeholder stands for secrets that are not there: what such an account is cannot be told
 */
function mixtureProblems(
  raw: readonly (RawProvider | null)[],
  contracts: ReadonlyMap<string, ProviderContract>,
  placeholder: string | undefined,
): readonly RuleProblem[] {
  const real = [...contracts.values()].filter(
    ({ adapter, credentials }) =>
      adapter !== 'sandbox' &&
      (placeholder === undefined || !Object.values(credentials).includes(placeholder)),
  );
  if (!real.some(({ live }) => live)) return [];
  return real
    .filter(({ live }) => !live)
    .map(({ id }) => ({
      path: ['providers', raw.findIndex((provider) => provider?.id === id), 'id'],
      what: `"${id}" is an account at a test system, by its address or its key, among live ones`,
      expected: 'only live accounts, or none: an approval at a test system moves no money',
      remedy: 'give it the live address and credentials, or keep test accounts in a folder apart',
    }));
}

function contractOf(provider: RawProvider, credentials: Readonly<Record<string, string>>): ProviderContract {
  const { limits, capabilities, fees, breaker } = provider;
  return {
    id: provider.id,
    adapter: provider.adapter,
    baseUrl: provider.base_url ?? null,
    credentials,
    settings: provider.settings,
    live: isLiveAccount({ adapter: provider.adapter, baseUrl: provider.base_url ?? null, credentials }),
    enabled: provider.enabled,
    merchants: setOrAll(provider.merchants),
    timeoutMs: provider.timeout_ms,
    connectTimeoutMs: provider.connect_timeout_ms,
    limits: { perSecond: limits.per_second, concurrent: limits.concurrent },
    capabilities: {
      currencies: setOrAll(capabilities.currencies),
      brands: setOrAll<CardBrand>(capabilities.brands),
      countries: setOrAll(capabilities.countries),
      features: new Set(capabilities.features),
    },
    fees: { ...feesOf(fees), brands: brandFees(fees) },
    breaker: {
      failureRatio: breaker.failure_ratio,
      unknownRatio: breaker.unknown_ratio,
      volume: breaker.volume,
      windowMs: breaker.window_ms,
      resetMs: breaker.reset_ms ?? Math.max(RESET_MS, provider.timeout_ms),
      metricsOnly: breaker.metrics_only,
    },
    semantics: readSemantics(provider.semantics),
  };
}

/** Only what was written: everything else is the adapter's to say. */
function readSemantics(written: RawProvider['semantics']): Partial<ProviderSemantics> {
  const named: Partial<Record<keyof ProviderSemantics, unknown>> = {
    inquiry: written.inquiry,
    notFoundAfterMs: written.not_found_after_ms,
    operationNotFoundAfterMs: written.operation_not_found_after_ms,
    replay: written.replay,
    keyLifetimeMs: written.key_lifetime_ms,
    cancelByReference: written.cancel_by_reference,
    operationInquiry: written.operation_inquiry,
    validityMs: written.validity_ms,
  };
  const given = Object.entries(named).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<ProviderSemantics>;
}

function setOrAll<Value extends string>(list: 'all' | readonly Value[]): 'all' | ReadonlySet<Value> {
  return list === 'all' ? 'all' : new Set(list);
}

function readCredentials(
  provider: RawProvider,
  index: number,
  sources: CredentialSources,
  problems: RuleProblem[],
): Readonly<Record<string, string>> {
  const path = ['providers', index, 'credentials'];
  const resolved: Record<string, string> = {};
  const references = Object.entries(provider.credentials);
  if (references.length === 0 && provider.adapter !== 'sandbox') {
    problems.push({
      path: ['providers', index],
      what: `"${provider.id}" has no credentials`,
      expected: 'references to its secrets',
      remedy: `add credentials: { api_key: "env:${variableName(provider.id)}" }`,
    });
  }
  for (const [name, reference] of references) {
    if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
      problems.push({
        path: [...path, name],
        atKey: true,
        what: 'a credential whose name is no name',
        expected: 'lower-case letters, digits and underscores, at most 40',
        remedy: 'name it as the adapter does, such as api_key',
      });
      continue;
    }
    const unknown = unknownName(provider, index, 'credentials', name);
    if (unknown !== null) {
      problems.push(unknown);
      continue;
    }
    const reading = resolveCredential(`${name} of "${provider.id}"`, reference, sources);
    if (reading.kind === 'resolved') resolved[name] = reading.secret;
    else problems.push({ path: [...path, name], ...reading });
  }
  return resolved;
}

/** A misspelt name would be passed over, and what it stands for be missing. */
function unknownName(
  { adapter }: RawProvider,
  index: number,
  member: 'credentials' | 'settings',
  name: string,
): RuleProblem | null {
  const known = ACCOUNT_NAMES[adapter][member];
  if (known.includes(name)) return null;
  const near = nearestName(name, known);
  const noun = member === 'credentials' ? 'credential' : 'setting';
  return {
    path: ['providers', index, member, name],
    atKey: true,
    // Repeated only where it is like one of ours: anything else may be a secret in the wrong place.
    what: near === null ? `a ${noun} that ${adapter} does not know` : `unknown ${noun} ${name} of ${adapter}`,
    expected: known.length === 0 ? `no ${member}` : `one of ${known.join(', ')}`,
    remedy: near === null ? 'correct or remove it' : `did you mean ${near}?`,
  };
}

function variableName(providerId: string): string {
  return `${providerId.toUpperCase().replaceAll('-', '_')}_API_KEY`;
}

/** Hosts that never leave this machine. */
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

function urlProblems(provider: RawProvider, index: number): readonly RuleProblem[] {
  if (provider.base_url === undefined) return [];
  const path = ['providers', index, 'base_url'];
  const url = URL.parse(provider.base_url);
  const expected = 'an https:// URL, without user, query or fragment';
  if (url === null || !['https:', 'http:'].includes(url.protocol)) {
    return [{ path, what: 'base_url is no URL for HTTP', expected, remedy: 'write https://host/path' }];
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    // Not shown: what stands there may be a secret.
    return [
      {
        path,
        what: 'base_url has more than host and path',
        expected,
        remedy: 'use credentials: for secrets',
      },
    ];
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    return [
      {
        path,
        what: `http:// to ${url.hostname}: tokens and secrets would travel in the clear`,
        expected: 'https://; http:// only to localhost, 127.0.0.1 or [::1]',
        remedy: 'write https://',
      },
    ];
  }
  return [];
}

function timeProblems(provider: RawProvider, index: number): readonly RuleProblem[] {
  const problems: RuleProblem[] = [];
  const { timeout_ms: timeoutMs, breaker } = provider;
  if (breaker.reset_ms !== undefined && breaker.reset_ms < timeoutMs) {
    problems.push({
      path: ['providers', index, 'breaker', 'reset_ms'],
      what: `reset_ms ${breaker.reset_ms} is below timeout_ms ${timeoutMs}`,
      expected: 'at least timeout_ms: else a call from before could end as the probe does',
      remedy: `raise reset_ms to ${timeoutMs} or more`,
    });
  }
  return problems;
}
