import { z } from 'zod';
import { DEFAULT_SCHEDULE_MS } from '../core/resolution.ts';
import { nearestName } from '../core/text/nearest-name.ts';
import {
  REDIS_SENTINEL_LOGIN_EXPECTED,
  type RedisAddress,
  type RedisLogin,
  readRedisUrl,
  readSentinelLogin,
  remoteHosts,
} from './redis-url.ts';

/** What the environment says, checked and frozen. */
export interface Settings {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  /** Address of the Postgres that holds the journal, with its password; null: the journal is in `dataDir`. */
  readonly databaseUrl: string | null;
  /** Whether the gateway brings the database's schema up to date itself. */
  readonly databaseMigrate: 'auto' | 'off';
  /** Connections to the database at most. */
  readonly databasePoolSize: number;
  readonly rulesDir: string;
  /** Null: on exactly when only sandbox providers are configured. */
  readonly sandbox: 'on' | 'off' | null;
  readonly sandboxPort: number;
  readonly apiKeysFile: string | null;
  /** Where events are told; null: nowhere. */
  readonly eventEndpointsFile: string | null;
  readonly devApiKey: string | null;
  /** Lease of an attempt, milliseconds. */
  readonly leaseMs: number;
  readonly drainTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly binTables: readonly string[];
  /** Whether a good rules folder is in force at once, or once somebody activates it. */
  readonly rulesActivation: 'auto' | 'manual';
  /** Delays before the first, second … inquiry about an unknown outcome, milliseconds; afterwards daily. */
  readonly resolverSchedule: readonly number[];
  /** Days after which settled authorizations are purged; null: never. */
  readonly retentionDays: number | null;
  /** Days after which those are purged whose captured money might still be refunded; without meaning while none are. */
  readonly refundableRetentionDays: number;
  /** Where traces go, and which; null: nowhere. */
  readonly tracing: TracingSettings | null;
  readonly production: boolean;
  /** What several processes share beside the journal; null: nothing, each is alone. */
  readonly redis: RedisSettings | null;
}

/** Where and as what processes of one journal share state. */
export interface RedisSettings {
  readonly address: RedisAddress;
  readonly caFile: string | null;
  /** What sentinels are asked with; null: without any, whatever the servers want. */
  readonly sentinelLogin: RedisLogin | null;
  /** Keeps a copy of a journal apart from the journal itself; null: nothing is to be kept apart. */
  readonly keyPrefix: string | null;
}

/** Traces by OTLP. */
export interface TracingSettings {
  /** Base URL of the collector. */
  readonly endpoint: string;
  readonly serviceName: string;
  /** Share of the traces that begin here that are recorded, 0 to 1. */
  readonly ratio: number;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

/** A start that must not go on: one line for each variable. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

const integer = (min: number, max: number, expected: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected);
const port = integer(0, 65_535, 'a port, 0 to 65535');
const path = z.string().regex(/^[^\0]+$/, 'a path');

/** Without what would have to be kept secret, or that a path cannot be put under. */
function isCollectorUrl(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return username === '' && password === '' && search === '' && hash === '';
}

const schema = z.object({
  PORT: port.default(8080),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, 'a host name or an IP address')
    .default('127.0.0.1'),
  DATA_DIR: path.default('./data'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'postgres://user:password@host:port/database')
    .optional(),
  DATABASE_MIGRATE: z.enum(['auto', 'off'], 'auto | off').default('auto'),
  DATABASE_POOL_SIZE: integer(3, 200, 'connections, 3 to 200').default(10),
  RULES_DIR: path.default('./routing-rules'),
  RULES_ACTIVATION: z.enum(['auto', 'manual'], 'auto | manual').default('auto'),
  SANDBOX: z.enum(['on', 'off'], 'on | off').optional(),
  SANDBOX_PORT: port.default(8090),
  API_KEYS_FILE: path.optional(),
  EVENT_ENDPOINTS_FILE: path.optional(),
  DEV_API_KEY: z
    .string()
    .regex(/^[A-Za-z0-9_-]{24,512}$/, '24 or more characters of [A-Za-z0-9_-]')
    .optional(),
  // The lease must outlast the slowest attempt (60 s at most in a contract), or it would be declared unknown alive.
  LEASE_MS: integer(1_000, 600_000, 'milliseconds, 1000 to 600000').default(15_000),
  DRAIN_TIMEOUT_MS: integer(0, 600_000, 'milliseconds, 0 to 600000').default(10_000),
  LOG_LEVEL: z.enum(LOG_LEVELS, LOG_LEVELS.join(' | ')).default('info'),
  BIN_TABLES: z
    .string()
    .transform((list) => list.split(',').map((entry) => entry.trim()))
    .refine((paths) => paths.every((entry) => entry !== ''), 'paths, separated by commas')
    .default([]),
  RESOLVER_SCHEDULE_MS: z
    .string()
    .regex(/^\d{1,9}(,\d{1,9}){0,19}$/, '1 to 20 delays in milliseconds, separated by commas')
    .transform((list) => list.split(',').map(Number))
    .refine((delays) => delays.every((delay) => delay >= 1), 'delays of at least 1 millisecond')
    .default([...DEFAULT_SCHEDULE_MS]),
  RETENTION_DAYS: integer(30, 36_500, 'days, 30 to 36500').optional(),
  // The schemes let a cardholder dispute a payment up to 540 days after it, where goods or services come later.
  REFUNDABLE_RETENTION_DAYS: integer(365, 36_500, 'days, 365 to 36500').default(540),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .refine(isCollectorUrl, 'a URL, http:// or https://, without user, query and fragment')
    .optional(),
  OTEL_SERVICE_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, '1 to 100 characters of [A-Za-z0-9._-]')
    .default('pointsman'),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, 'the share of traces to record, 0 to 1, such as 0.05')
    .transform(Number)
    .default(0.05),
  REDIS_URL: z
    .string()
    .transform((text, context) => {
      const reading = readRedisUrl(text);
      if (reading.kind === 'address') return reading.address;
      context.addIssue({ code: 'custom', message: reading.expected });
      return z.NEVER;
    })
    .optional(),
  REDIS_CA_FILE: path.optional(),
  REDIS_SENTINEL_LOGIN: z
    .string()
    .transform((text, context) => {
      const login = readSentinelLogin(text);
      if (login !== null) return login;
      context.addIssue({ code: 'custom', message: REDIS_SENTINEL_LOGIN_EXPECTED });
      return z.NEVER;
    })
    .optional(),
  REDIS_KEY_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,40}$/, '1 to 40 characters of [A-Za-z0-9._-]')
    .optional(),
  NODE_ENV: z.enum(['production', 'development', 'test'], 'production | development | test').optional(),
});

const SECRETS: ReadonlySet<string> = new Set([
  'DEV_API_KEY',
  'DATABASE_URL',
  'REDIS_URL',
  'REDIS_SENTINEL_LOGIN',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
]);

/**
 * Reads the environment. An empty value counts as not set, as orchestrators write it.
 * @param variables the process's environment
 * @returns settings, and warnings about names that look like misspelt ones of ours
 * @throws EnvironmentError naming every wrong variable, its value (secrets left out) and what was expected
 */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>): {
  readonly settings: Settings;
  readonly warnings: readonly string[];
} {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value));
  const errors: string[] = [];
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0]);
      errors.push(`${name}${shown(name, given)}: expected ${issue.message}`);
    }
  }
  if (given['NODE_ENV'] === 'production') {
    if (given['DEV_API_KEY'] !== undefined) errors.push('DEV_API_KEY: refused with NODE_ENV=production');
    if (given['SANDBOX'] === 'on') errors.push('SANDBOX="on": refused with NODE_ENV=production');
  }
  if (parsed.success)
    errors.push(...databaseMisfits(parsed.data, given), ...redisMisfits(parsed.data, given));
  if (!parsed.success || errors.length > 0) throw new EnvironmentError(errors.join('\n'));
  const warnings = [
    ...misspelt(Object.keys(given)),
    ...redisWarnings(parsed.data),
    ...retentionWarnings(parsed.data, given),
  ];
  return { settings: settingsOf(parsed.data), warnings };
}

function settingsOf(values: z.infer<typeof schema>): Settings {
  return Object.freeze({
    port: values.PORT,
    host: values.HOST,
    dataDir: values.DATA_DIR,
    databaseUrl: values.DATABASE_URL ?? null,
    databaseMigrate: values.DATABASE_MIGRATE,
    databasePoolSize: values.DATABASE_POOL_SIZE,
    rulesDir: values.RULES_DIR,
    rulesActivation: values.RULES_ACTIVATION,
    sandbox: values.SANDBOX ?? null,
    sandboxPort: values.SANDBOX_PORT,
    apiKeysFile: values.API_KEYS_FILE ?? null,
    eventEndpointsFile: values.EVENT_ENDPOINTS_FILE ?? null,
    devApiKey: values.DEV_API_KEY ?? null,
    leaseMs: values.LEASE_MS,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
    logLevel: values.LOG_LEVEL,
    binTables: Object.freeze(values.BIN_TABLES),
    resolverSchedule: Object.freeze(values.RESOLVER_SCHEDULE_MS),
    retentionDays: values.RETENTION_DAYS ?? null,
    refundableRetentionDays: values.REFUNDABLE_RETENTION_DAYS,
    tracing:
      values.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? null
        : Object.freeze({
            endpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
            serviceName: values.OTEL_SERVICE_NAME,
            ratio: values.OTEL_TRACES_SAMPLER_ARG,
          }),
    production: values.NODE_ENV === 'production',
    redis:
      values.REDIS_URL === undefined
        ? null
        : Object.freeze({
            address: values.REDIS_URL,
            caFile: values.REDIS_CA_FILE ?? null,
            sentinelLogin: values.REDIS_SENTINEL_LOGIN ?? null,
            keyPrefix: values.REDIS_KEY_PREFIX ?? null,
          }),
  });
}

type Values = z.infer<typeof schema>;

/**
 * What of the database is set although none is named: mostly its address came out empty, and a start over a new file would
 * forget all that is unresolved.
 */
function databaseMisfits(
  { DATABASE_URL: address }: Values,
  given: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (address !== undefined) return [];
  return ['DATABASE_MIGRATE', 'DATABASE_POOL_SIZE']
    .filter((name) => given[name] !== undefined)
    .map(
      (name) =>
        `${name}${shown(name, given)}: expected with a DATABASE_URL only: without one this process would begin with the ` +
        'journal in DATA_DIR, mostly an empty journal, and know of nothing that the database holds',
    );
}

/** What of Redis is set although nothing would use it. */
function redisMisfits(
  {
    REDIS_URL: address,
    REDIS_CA_FILE: caFile,
    REDIS_SENTINEL_LOGIN: login,
    REDIS_KEY_PREFIX: prefix,
  }: Values,
  given: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const errors: string[] = [];
  const misfit = (name: string, expected: string) =>
    errors.push(
      `${name}${shown(name, given)}: expected with a REDIS_URL ${expected} only: nothing else uses it`,
    );
  if (caFile !== undefined && address?.tls !== true) misfit('REDIS_CA_FILE', 'of rediss://');
  if (login !== undefined && address?.kind !== 'sentinel') {
    misfit('REDIS_SENTINEL_LOGIN', 'of redis+sentinel:// or rediss+sentinel://');
  }
  if (prefix !== undefined && address === undefined) {
    errors.push(
      `REDIS_KEY_PREFIX${shown('REDIS_KEY_PREFIX', given)}: expected with a REDIS_URL: nothing else uses it`,
    );
  }
  return errors;
}

/** What of Redis is taken, and better done otherwise. */
function redisWarnings({ REDIS_URL: address, DATABASE_URL: database }: Values): readonly string[] {
  if (address === undefined) return [];
  const warnings: string[] = [];
  const remote = address.tls ? [] : remoteHosts(address);
  if (remote.length > 0) {
    warnings.push(
      `REDIS_URL goes without TLS to ${remote.join(', ')}: password and traffic can be read and changed on the way. ` +
        `Use rediss${address.kind === 'single' ? '' : `+${address.kind}`}://, with REDIS_CA_FILE where the authority ` +
        'is your own; or see to it that the network encrypts (a mesh, or stunnel on loopback)',
    );
  }
  if (database === undefined) {
    warnings.push(
      'REDIS_URL is set without DATABASE_URL: the journal is a file of this process alone, and only processes of one ' +
        'journal share through Redis. Set DATABASE_URL for several processes, or leave REDIS_URL out for one',
    );
  }
  return warnings;
}

/** What of retention is set, and has no effect. */
function retentionWarnings(
  { RETENTION_DAYS: days }: Values,
  given: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  if (days !== undefined || given['REFUNDABLE_RETENTION_DAYS'] === undefined) return [];
  return [
    'REFUNDABLE_RETENTION_DAYS is set without RETENTION_DAYS: everything is kept for ever. Set both, or leave it out',
  ];
}

function shown(name: string, given: Readonly<Record<string, string | undefined>>): string {
  return SECRETS.has(name) ? '' : `=${JSON.stringify(given[name])}`;
}

/** Names that are ours as they stand, with the prefixes under which nothing else should be. */
const OURS = Object.keys(schema.shape);
const OWN_PREFIX =
  /^(SANDBOX|RULES|LEASE|DRAIN|API_KEY|DEV_API|BIN_TABLE|DATA_DIR|LOG_LEV|RESOLVER|RETENTION|REFUNDABLE|EVENT_END|DATABASE_MIGR|DATABASE_POOL)/;

/** Most variables belong to others: only near misses and our own prefixes can be called misspelt. */
function misspelt(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (OURS.includes(name)) return [];
    // Short names such as PORT have too many neighbours that mean something else.
    const near = nearestName(
      name,
      OURS.filter((ours) => ours.length > 6),
    );
    if (near === null && !OWN_PREFIX.test(name)) return [];
    const hint = near === null ? `known are ${OURS.join(', ')}` : `did you mean ${near}?`;
    return [`${name} is no variable of this program: ${hint}`];
  });
}
