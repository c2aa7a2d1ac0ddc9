import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { readEnvironment } from '../../src/config/environment.ts';
import { redisPlace } from '../../src/config/redis-place.ts';
import { readDatabaseUrl } from '../../src/stores/postgres/database-url.ts';
import { ROOT } from './alert-rules.ts';
import { baseManifests, HAS_KUBECTL, type Manifest, overlay } from './manifests.ts';

/** The commands of docs/kubernetes.md, as far as they can be tried without a cluster. */

const page = readFileSync(join(ROOT, 'docs', 'kubernetes.md'), 'utf8');
const install = page.slice(page.indexOf('## First install'), page.indexOf('## What is in it'));
const blocks = [...install.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
const base = baseManifests();

const labelsOf = ({ metadata }: Manifest) => (metadata['labels'] ?? {}) as Readonly<Record<string, string>>;
const nameOf = ({ kind, metadata }: Manifest) => `${kind} ${metadata.name}`;

describe('the first install', () => {
  it('selects what the schema is made by, and nothing else', () => {
    const selectors = [...install.matchAll(/kubectl apply -f prod\.yaml -l (\S+)=(\S+)/g)];
    expect(selectors).toHaveLength(2);
    for (const [, key = '', value] of selectors) {
      expect(base.filter((manifest) => labelsOf(manifest)[key] === value).map(nameOf)).toEqual([
        'ServiceAccount pointsman',
        'Job pointsman-migrate',
        'NetworkPolicy pointsman-migrate',
      ]);
    }
  });

  it('names objects and labels that there are', () => {
    const named = [...install.matchAll(/\b(job|deployment|service)\/([\w-]+)|\bjob (pointsman-\w+)/g)].map(
      ([, kind = 'job', name, bare]) => `${kind} ${name ?? bare}`,
    );
    expect(new Set(named)).toEqual(
      new Set(['job pointsman-migrate', 'deployment pointsman', 'service pointsman']),
    );
    const known = base.map((manifest) => nameOf(manifest).toLowerCase());
    expect(named.filter((one) => !known.includes(one))).toEqual([]);
    const labels = [...install.matchAll(/kubectl label namespace .* (\S+)=true/g)].map(([, label]) => label);
    expect(labels).toEqual(['pointsman.io/stores', 'pointsman.io/caller']);
    for (const label of labels) expect(JSON.stringify(base)).toContain(`"${label}":"true"`);
    expect(new Set([...install.matchAll(/kubectl -n (\S+)/g)].map(([, name]) => name))).toEqual(
      new Set(['payments']),
    );
  });

  it('leaves nothing in the working copy that Git would take up', () => {
    const ignored = readFileSync(join(ROOT, '.gitignore'), 'utf8').split('\n');
    const folders = [...page.matchAll(/mkdir -p (\w+)/g)].map(([, name]) => `/${name}/`);
    const files = [...page.matchAll(/ > (prod\.yaml|api-keys\.yaml)/g)].map(([, name]) => `/${name}`);
    expect(folders).toEqual(['/secrets/']);
    expect(new Set(files)).toEqual(new Set(['/prod.yaml', '/api-keys.yaml']));
    for (const path of [...folders, ...files]) expect(ignored).toContain(path);
  });

  it('lets Prometheus in from the namespace that it names', () => {
    const [, name] = /namespace that is called `([\w-]+)`/.exec(install) ?? [];
    const [policy] = base.filter((manifest) => nameOf(manifest) === 'NetworkPolicy pointsman');
    expect(name).toBeDefined();
    expect(JSON.stringify(policy)).toContain(`{"kubernetes.io/metadata.name":"${name}"}`);
  });

  it('is bash', () => {
    expect(blocks.length).toBeGreaterThan(7);
    for (const block of blocks) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: block, encoding: 'utf8' });
      expect([block, status, stderr]).toEqual([block, 0, '']);
    }
  });
});

describe.skipIf(!HAS_KUBECTL)(
  'the secrets of the first install (skipped where kubectl is not installed)',
  () => {
    let folder: string;
    /** As kubectl would send them, without a server. */
    const secrets = new Map<string, Readonly<Record<string, string>>>();

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'first-install-'));
      const tools = join(folder, 'bin');
      const kubectl = execFileSync('bash', ['-c', 'command -v kubectl'], { encoding: 'utf8' }).trim();
      for (const [name, script] of [
        ['kubectl', `exec '${kubectl}' "$@" --dry-run=client -o yaml > "$OUT/$6.yaml"`],
        ['npm', `exec '${process.execPath}' '${join(ROOT, 'src', 'cli', 'make-api-key.ts')}' "\${@:7}"`],
      ] as const) {
        mkdirSync(tools, { recursive: true });
        writeFileSync(join(tools, name), `#!/usr/bin/env bash\n${script}\n`);
        chmodSync(join(tools, name), 0o755);
      }
      mkdirSync(join(folder, 'secrets'));
      for (const name of ['postgres.pem', 'redis.pem']) writeFileSync(join(folder, 'secrets', name), 'PEM');
      const block = blocks.find((one) => one.includes('create secret')) ?? '';
      execFileSync('bash', ['-e', '-c', block], {
        cwd: folder,
        env: { ...process.env, OUT: folder, PATH: `${tools}${delimiter}${process.env['PATH']}` },
        stdio: 'pipe',
      });
      for (const [, name = ''] of block.matchAll(/create secret generic (\S+)/g)) {
        const { data } = parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')) as {
          readonly data: Readonly<Record<string, string>>;
        };
        secrets.set(
          name,
          Object.fromEntries(
            Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
          ),
        );
      }
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    it('are all that the manifests refer to, with the keys that they ask for', () => {
      const text = JSON.stringify(overlay('prod'));
      const named = [...text.matchAll(/"(?:secretName|secretRef":\{"name)":"([^"]+)"/g)].map(
        ([, name]) => name,
      );
      const keyed = [...text.matchAll(/"secretKeyRef":(\{[^}]*\})/g)].map(
        ([, json = '']) => JSON.parse(json) as { readonly name: string; readonly key: string },
      );
      expect(keyed.length).toBeGreaterThan(3);
      expect(new Set([...named, ...keyed.map(({ name }) => name)])).toEqual(new Set(secrets.keys()));
      for (const { name, key } of keyed) expect(Object.keys(secrets.get(name) ?? {})).toContain(key);
      expect(text).toContain(`"mountPath":"/etc/pointsman/authorities"`);
      expect(Object.keys(secrets.get('pointsman-authorities') ?? {})).toEqual(['postgres.pem', 'redis.pem']);
      expect(Object.keys(secrets.get('pointsman-providers') ?? {})).toEqual([
        'STRIPE_API_KEY',
        'STRIPE_WEBHOOK_SECRETS',
      ]);
    });

    it('hold what the gateway and its job take, with encryption and the authorities that are mounted', () => {
      const stores = secrets.get('pointsman-stores') ?? {};
      const { settings } = readEnvironment({ ...stores, API_KEYS_FILE: 'x', NODE_ENV: 'production' });
      expect(settings.redis?.caFile).toBe('/etc/pointsman/authorities/redis.pem');
      expect(settings.redis && redisPlace(settings.redis.address)).toBe('redis redis.redis:6379/0 tls=on');
      for (const [secret, user] of [
        ['pointsman-stores', 'pointsman_pod'],
        ['pointsman-migrate', 'pointsman_deploy'],
      ] as const) {
        expect(readDatabaseUrl(secrets.get(secret)?.['DATABASE_URL'] ?? '')).toMatchObject({
          user,
          database: 'pointsman',
          tls: 'verify-full',
          rootCertificate: '/etc/pointsman/authorities/postgres.pem',
        });
      }
      const keys = secrets.get('pointsman-api-keys')?.['api-keys.yaml'] ?? '';
      expect(parse(keys)).toEqual([
        expect.objectContaining({ id: 'first', scopes: ['authorize', 'read', 'ops', 'rules'] }),
      ]);
    });
  },
);
