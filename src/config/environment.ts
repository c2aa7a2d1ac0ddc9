import { z } from 'zod';
import { DEFAULT_SCHEDULE_MS } from '../core/resolution.ts';
import { nearestName } from '../core/text/nearest-name.ts';

/** What the environment says, checked and frozen. */
export interface Settings {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
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
  readonly production: boolean;
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

const schema = z.object({
  PORT: port.default(8080),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]+$/, 'a host name or an IP address')
    .default('127.0.0.1'),
  DATA_DIR: path.default('./data'),
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
  NODE_ENV: z.enum(['production', 'development', 'test'], 'production | development | test').optional(),
});

/** Variables of the interface that this version does not have yet: silence would be taken for effect. */
const NOT_AVAILABLE: Readonly<Record<string, string>> = {
  DATABASE_URL: 'the journal is the SQLite file in DATA_DIR',
  REDIS_URL: 'shared state is kept in the process',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'there are no traces',
};

const SECRETS: ReadonlySet<string> = new Set(['DEV_API_KEY', 'DATABASE_URL', 'REDIS_URL']);

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
  const errors = Object.entries(NOT_AVAILABLE)
    .filter(([name]) => given[name] !== undefined)
    .map(([name, instead]) => `${name}${shown(name, given)}: not available in this version: ${instead}`);
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
  if (!parsed.success || errors.length > 0) throw new EnvironmentError(errors.join('\n'));
  const warnings = misspelt(Object.keys(given));
  return { settings: settingsOf(parsed.data), warnings };
}

function settingsOf(values: z.infer<typeof schema>): Settings {
  return Object.freeze({
    port: values.PORT,
    host: values.HOST,
    dataDir: values.DATA_DIR,
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
    production: values.NODE_ENV === 'production',
  });
}

function shown(name: string, given: Readonly<Record<string, string | undefined>>): string {
  return SECRETS.has(name) ? '' : `=${JSON.stringify(given[name])}`;
}

/** Names that are ours as they stand, with the prefixes under which nothing else should be. */
const OURS = Object.keys(schema.shape);
const OWN_PREFIX =
  /^(SANDBOX|RULES|LEASE|DRAIN|API_KEY|DEV_API|BIN_TABLE|DATA_DIR|LOG_LEV|RESOLVER|RETENTION|REFUNDABLE|EVENT_END)/;

/** Most variables belong to others: only near misses and our own prefixes can be called misspelt. */
function misspelt(names: readonly string[]): string[] {
  const known = [...OURS, ...Object.keys(NOT_AVAILABLE)];
  return names.flatMap((name) => {
    if (known.includes(name)) return [];
    // Short names such as PORT have too many neighbours that mean something else.
    const near = nearestName(
      name,
      known.filter((ours) => ours.length > 6),
    );
    if (near === null && !OWN_PREFIX.test(name)) return [];
    const hint = near === null ? `known are ${known.join(', ')}` : `did you mean ${near}?`;
    return [`${name} is no variable of this program: ${hint}`];
  });
}
