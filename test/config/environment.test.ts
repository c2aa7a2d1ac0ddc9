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
      production: false,
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
    });
    expect(readEnvironment({ NODE_ENV: 'production' }).settings.production).toBe(true);
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
    [{ DATABASE_URL: 'postgres://user:secret@host/db' }, /^DATABASE_URL: not available in this version/],
    [{ REDIS_URL: 'redis://:secret@host' }, /^REDIS_URL: not available/],
    [{ RULES_ACTIVATION: 'never' }, /^RULES_ACTIVATION="never": expected auto \| manual$/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' }, /^OTEL_EXPORTER_OTLP_ENDPOINT="http:\/\/x": not available/],
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
      DATABASE_URL: 'postgres://u:secret@h/d',
      REDIS_URL: 'redis://:secret@h',
      DEV_API_KEY: 'secret',
    });
    expect(message.split('\n')).toHaveLength(5);
    expect(message).not.toContain('secret');
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
