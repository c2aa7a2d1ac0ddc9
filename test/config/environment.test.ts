import { describe, expect, it } from 'vitest';
import { EnvironmentError, readEnvironment } from '../../src/config/environment.ts';

function refusal(variables: Record<string, string>): string {
  try {
    readEnvironment(variables);
  } catch (error) {
    expect(error).toBeInstanceOf(EnvironmentError);
    return (error as Error).message;
  }
  throw new Error('was taken');
}

describe('readEnvironment', () => {
  it('has a default for everything, frozen', () => {
    const { settings, warnings } = readEnvironment({ PATH: '/bin', HOME: '/root', HOSTNAME: 'h', LANG: 'C' });
    expect(settings).toEqual({
      port: 8080,
      host: '127.0.0.1',
      dataDir: './data',
      databaseUrl: null,
      databaseMigrate: 'auto',
      databasePoolSize: 10,
      rulesDir: './routing-rules',
      rulesActivation: 'auto',
      sandbox: null,
      sandboxPort: 8090,
      apiKeysFile: null,
      eventEndpointsFile: null,
      devApiKey: null,
      leaseMs: 15_000,
      drainTimeoutMs: 10_000,
      logLevel: 'info',
      binTables: [],
      resolverSchedule: [5_000, 30_000, 120_000, 300_000, 3_600_000, 86_400_000],
      retentionDays: null,
      refundableRetentionDays: 540,
      tracing: null,
      production: false,
      redis: null,
    });
    expect(Object.isFrozen(settings)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('reads everything', () => {
    const { settings } = readEnvironment({
      PORT: '0',
      HOST: '::1',
      DATA_DIR: '/data',
      RULES_DIR: 'rules',
      SANDBOX: 'off',
      SANDBOX_PORT: '0',
      API_KEYS_FILE: '/run/keys.yaml',
      DEV_API_KEY: 'a'.repeat(24),
      LEASE_MS: '1000',
      DRAIN_TIMEOUT_MS: '0',
      LOG_LEVEL: 'debug',
      BIN_TABLES: 'a.csv, b.csv',
      NODE_ENV: 'development',
      RULES_ACTIVATION: 'manual',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
      OTEL_SERVICE_NAME: 'payments',
      OTEL_TRACES_SAMPLER_ARG: '0.25',
    });
    expect(settings).toMatchObject({
      port: 0,
      host: '::1',
      sandbox: 'off',
      sandboxPort: 0,
      leaseMs: 1000,
      drainTimeoutMs: 0,
      logLevel: 'debug',
      binTables: ['a.csv', 'b.csv'],
      rulesActivation: 'manual',
      tracing: { endpoint: 'http://collector:4318', serviceName: 'payments', ratio: 0.25 },
    });
    expect(readEnvironment({ NODE_ENV: 'production' }).settings.production).toBe(true);
  });

  it('traces a twentieth unless it is told otherwise, and takes no other variable of OpenTelemetry for a misspelt one', () => {
    const { settings, warnings } = readEnvironment({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/otlp',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=secret',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_RESOURCE_ATTRIBUTES: 'a=b',
    });
    expect(settings.tracing).toEqual({
      endpoint: 'https://collector.example/otlp',
      serviceName: 'pointsman',
      ratio: 0.05,
    });
    expect(warnings).toEqual([]);
  });

  it('takes an empty value for none', () => {
    expect(readEnvironment({ PORT: '', DEV_API_KEY: '', DATABASE_URL: '' }).settings.port).toBe(8080);
  });

  const refused: [variables: Record<string, string>, message: RegExp][] = [
    [{ PORT: '80 80' }, /^PORT="80 80": expected a port, 0 to 65535$/],
    [{ PORT: '65536' }, /^PORT="65536": expected a port/],
    [{ PORT: '8e3' }, /PORT/],
    [{ HOST: 'a b' }, /HOST/],
    [{ SANDBOX: 'yes' }, /^SANDBOX="yes": expected on \| off$/],
    [{ LEASE_MS: '999' }, /LEASE_MS="999": expected milliseconds, 1000 to 600000/],
    [{ LOG_LEVEL: 'verbose' }, /LOG_LEVEL.*trace \| debug/],
    [{ BIN_TABLES: 'a,,b' }, /BIN_TABLES/],
    [{ NODE_ENV: 'prod' }, /NODE_ENV/],
    [{ DEV_API_KEY: 'short' }, /^DEV_API_KEY: expected 24 or more/],
    [{ DEV_API_KEY: `${'a'.repeat(24)}!` }, /^DEV_API_KEY: expected/],
    [
      { REDIS_URL: 'redis:/:secret@host' },
      /^REDIS_URL: expected redis:\/\/, rediss:\/\/.*such as redis:\/\/user/,
    ],
    [
      { REDIS_CA_FILE: '/ca.pem' },
      /^REDIS_CA_FILE="\/ca.pem": expected with a REDIS_URL of rediss:\/\/ only/,
    ],
    [{ REDIS_URL: 'redis://h', REDIS_CA_FILE: '/ca.pem' }, /^REDIS_CA_FILE/],
    [
      { REDIS_URL: 'redis+sentinel://s/main', REDIS_SENTINEL_LOGIN: 'secret' },
      /^REDIS_SENTINEL_LOGIN: expected user:password or :password of the sentinels; .*%40/,
    ],
    [
      { REDIS_URL: 'redis://h', REDIS_SENTINEL_LOGIN: ':word' },
      /^REDIS_SENTINEL_LOGIN: expected with a REDIS_URL of redis\+sentinel:\/\//,
    ],
    [{ REDIS_KEY_PREFIX: 'staging' }, /^REDIS_KEY_PREFIX="staging": expected with a REDIS_URL/],
    [{ REDIS_URL: 'redis://h', REDIS_KEY_PREFIX: 'a{b}' }, /^REDIS_KEY_PREFIX="a{b}": expected 1 to 40/],
    [{ REDIS_URL: 'redis+cluster://n1/3' }, /^REDIS_URL: expected no database .* a cluster has no other one/],
    [
      { DATABASE_URL: 'mysql://user:secret@host/db' },
      /^DATABASE_URL: expected postgres:\/\/user:password@host:port\/database$/,
    ],
    [{ DATABASE_MIGRATE: 'on' }, /^DATABASE_MIGRATE="on": expected auto \| off$/],
    [{ DATABASE_POOL_SIZE: '2' }, /^DATABASE_POOL_SIZE="2": expected connections, 3 to 200$/],
    [
      { NODE_ENV: 'production', DATABASE_URL: '', DATABASE_MIGRATE: 'off', DATABASE_POOL_SIZE: '6' },
      /^DATABASE_MIGRATE="off": expected with a DATABASE_URL.*empty journal.*\nDATABASE_POOL_SIZE="6": expected with a DATABASE_URL/,
    ],
    [{ RULES_ACTIVATION: 'never' }, /^RULES_ACTIVATION="never": expected auto \| manual$/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL, http/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://u:p@x' }, /^OTEL_EXPORTER_OTLP_ENDPOINT: expected a URL[^@]*$/],
    [{ OTEL_TRACES_SAMPLER_ARG: '1.5' }, /^OTEL_TRACES_SAMPLER_ARG="1.5": expected the share of traces/],
    [{ OTEL_SERVICE_NAME: 'a b' }, /^OTEL_SERVICE_NAME="a b": expected 1 to 100 characters/],
    [{ RESOLVER_SCHEDULE_MS: '1,x' }, /RESOLVER_SCHEDULE_MS/],
    [
      { NODE_ENV: 'production', DEV_API_KEY: 'a'.repeat(24) },
      /^DEV_API_KEY: refused with NODE_ENV=production$/,
    ],
    [{ NODE_ENV: 'production', SANDBOX: 'on' }, /^SANDBOX="on": refused with NODE_ENV=production$/],
  ];
  it.each(refused)('refuses %j', (variables, message) => {
    expect(refusal(variables)).toMatch(message);
  });

  it('names every error at once, and never a secret', () => {
    const message = refusal({
      PORT: 'x',
      LEASE_MS: 'y',
      DATABASE_URL: 'postgre://u:secret@h/d',
      REDIS_URL: 'redis://:secret@h:port',
      DEV_API_KEY: 'secret',
    });
    expect(message.split('\n')).toHaveLength(5);
    expect(message).not.toContain('secret');
  });

  const DATABASE = { DATABASE_URL: 'postgres://u:p@127.0.0.1/journal' };
  it.each([
    [{ REDIS_URL: 'redis://:secret@127.0.0.1', ...DATABASE }, []],
    [{ REDIS_URL: 'redis://localhost,', ...DATABASE }, null],
    [{ REDIS_URL: 'redis://[::1]', ...DATABASE }, []],
    [{ REDIS_URL: 'rediss://:secret@cache', ...DATABASE }, []],
    [
      { REDIS_URL: 'redis://:secret@cache:7000', ...DATABASE },
      [/^REDIS_URL goes without TLS to cache:7000: .*Use rediss:\/\/, with REDIS_CA_FILE/],
    ],
    [
      { REDIS_URL: 'redis+sentinel://:secret@s1,127.0.0.1,s2/main', ...DATABASE },
      [/^REDIS_URL goes without TLS to s1:26379, s2:26379: .*Use rediss\+sentinel:\/\//],
    ],
    [
      { REFUNDABLE_RETENTION_DAYS: '400' },
      [/^REFUNDABLE_RETENTION_DAYS is set without RETENTION_DAYS: .*kept for ever/],
    ],
    [{ REFUNDABLE_RETENTION_DAYS: '400', RETENTION_DAYS: '90' }, []],
    [{ REDIS_URL: 'redis://127.0.0.1' }, [/^REDIS_URL is set without DATABASE_URL: .*this process alone/]],
  ] as const)('warns of what is better done otherwise: %o', (variables, expected) => {
    if (expected === null) {
      expect(() => readEnvironment(variables)).toThrow(/REDIS_URL/);
      return;
    }
    const { warnings } = readEnvironment(variables);
    expect(warnings).toHaveLength(expected.length);
    for (const [place, pattern] of expected.entries()) expect(warnings[place]).toMatch(pattern);
    expect(warnings.join()).not.toContain('secret');
  });

  it('takes the login of sentinels as it takes that of servers', () => {
    const { settings } = readEnvironment({
      ...{
        REDIS_URL: 'redis+sentinel://s/main',
        REDIS_SENTINEL_LOGIN: 'ann:p%40ss',
        REDIS_KEY_PREFIX: 'staging',
      },
    });
    expect(settings.redis).toMatchObject({
      sentinelLogin: { username: 'ann', password: 'p@ss' },
      keyPrefix: 'staging',
    });
  });

  const suspected: [name: string, hint: RegExp][] = [
    ['SANDBOX_PROT', /did you mean SANDBOX_PORT\?/],
    ['LEASE', /known are/],
    ['RULES_DIRECTORY', /RULES_DIRECTORY/],
    ['API_KEY_FILE', /API_KEYS_FILE/],
    ['DATABASE_URI', /DATABASE_URL/],
    ['LOG_LEVL', /LOG_LEVEL/],
  ];
  it.each(suspected)('warns of %s', (name, hint) => {
    const { warnings } = readEnvironment({ [name]: '1' });
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(hint);
  });

  it('reads a schedule', () => {
    const { settings, warnings } = readEnvironment({ RESOLVER_SCHEDULE_MS: '100,200' });
    expect(settings.resolverSchedule).toEqual([100, 200]);
    expect(warnings).toEqual([]);
    for (const wrong of ['0', '5,', 'soon', '1,2,x', Array.from({ length: 21 }, () => '5').join(',')]) {
      expect(refusal({ RESOLVER_SCHEDULE_MS: wrong })).toMatch(/RESOLVER_SCHEDULE_MS/);
    }
  });
});
