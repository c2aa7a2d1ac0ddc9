import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readEnvironment } from '../../src/config/environment.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { openApiDocument } from '../../src/edge/openapi-document.ts';
import { endsWithinMs } from '../../src/start/end-in-order.ts';
import { ROOT } from './alert-rules.ts';
import { baseManifests, HAS_KUBECTL, hasType, type Manifest, overlay, typeErrors } from './manifests.ts';

const probeSchema = z.object({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) });

const variableSchema = z.strictObject({
  name: z.string(),
  value: z.string().optional(),
  valueFrom: z
    .strictObject({
      secretKeyRef: z.strictObject({ name: z.string(), key: z.string(), optional: z.boolean().optional() }),
    })
    .optional(),
});

/** What the tests look at; the rest is the compiler's. */
const deploymentSchema = z.object({
  spec: z.object({
    replicas: z.number().optional(),
    minReadySeconds: z.number(),
    strategy: z.object({
      type: z.string(),
      rollingUpdate: z.object({ maxUnavailable: z.number(), maxSurge: z.number() }).optional(),
    }),
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        serviceAccountName: z.string(),
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.object({ runAsNonRoot: z.boolean(), runAsUser: z.number(), fsGroup: z.number() }),
        containers: z.tuple([
          z.object({
            image: z.string(),
            ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
            env: z.array(variableSchema),
            envFrom: z.array(z.object({ secretRef: z.object({ name: z.string() }) })),
            startupProbe: probeSchema,
            livenessProbe: probeSchema,
            readinessProbe: probeSchema,
            lifecycle: z.object({ preStop: z.object({ exec: z.object({ command: z.array(z.string()) }) }) }),
            securityContext: z.object({
              allowPrivilegeEscalation: z.boolean(),
              readOnlyRootFilesystem: z.boolean(),
              capabilities: z.object({ drop: z.array(z.string()) }),
            }),
            volumeMounts: z.array(
              z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean().optional() }),
            ),
          }),
        ]),
        volumes: z.array(
          z.object({
            name: z.string(),
            configMap: z.object({ name: z.string() }).optional(),
            secret: z.object({ secretName: z.string(), optional: z.boolean().optional() }).optional(),
            emptyDir: z.object({}).optional(),
            persistentVolumeClaim: z.object({ claimName: z.string() }).optional(),
          }),
        ),
      }),
    }),
  }),
});
const scalerSchema = z.object({
  spec: z.object({
    scaleTargetRef: z.strictObject({ apiVersion: z.string(), kind: z.string(), name: z.string() }),
    minReplicas: z.number(),
    maxReplicas: z.number(),
  }),
});
const jobSchema = z.object({
  spec: z.object({
    ttlSecondsAfterFinished: z.number(),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        serviceAccountName: z.string(),
        restartPolicy: z.string(),
        containers: z.tuple([
          z.object({
            image: z.string(),
            command: z.array(z.string()),
            env: z.array(variableSchema),
            securityContext: z.object({}).loose(),
            volumeMounts: z.array(
              z.object({ name: z.string(), mountPath: z.string(), readOnly: z.boolean() }),
            ),
          }),
        ]),
        volumes: z.array(z.object({ name: z.string(), secret: z.looseObject({ secretName: z.string() }) })),
      }),
    }),
  }),
});
const monitorSchema = z.object({
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string()) }),
    endpoints: z.array(
      z.strictObject({ port: z.string(), path: z.string(), interval: z.string(), scrapeTimeout: z.string() }),
    ),
  }),
});
const serviceSchema = z.object({
  spec: z.object({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.object({ name: z.string(), port: z.number(), targetPort: z.string() })),
  }),
});

const base = baseManifests();

function only(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const [found, ...others] = manifests.filter(
    ({ kind: its, metadata }) => its === kind && (name === undefined || metadata.name === name),
  );
  if (found === undefined || others.length > 0) throw new Error(`expected one ${kind} ${name ?? ''}`);
  return found;
}

/** What the secrets of the stores hold, by key. */
const STORES: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://pointsman_run:secret@postgres.stores:5432/pointsman?sslmode=verify-full',
  REDIS_URL: 'rediss://redis.stores:6379',
  REDIS_CA_FILE: '/etc/pointsman/authorities/redis.pem',
};

/** The variables of a container, those of secrets with the values that they would hold. */
function variablesOf(env: readonly z.infer<typeof variableSchema>[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => {
      const given = value ?? STORES[valueFrom?.secretKeyRef.key ?? ''];
      if (given === undefined) throw new Error(`${name} has no value`);
      return [name, given];
    }),
  );
}

/** The parts of a deployment that have to fit together, whichever layer gave them. */
function partsOf(manifests: readonly Manifest[]) {
  const { spec } = deploymentSchema.parse(only(manifests, 'Deployment'));
  const pod = spec.template.spec;
  const [container] = pod.containers;
  return { spec, pod, container, environment: variablesOf(container.env) };
}

describe.each([
  ['base', () => base],
  ...(HAS_KUBECTL ? [['dev', () => overlay('dev')] as const, ['prod', () => overlay('prod')] as const] : []),
] as const)('the manifests of %s', (_, read) => {
  const manifests = read();
  const { spec, pod, container, environment } = partsOf(manifests);

  it('are what Kubernetes describes, without a member that it does not know', () => {
    expect(manifests.filter(({ kind }) => hasType(kind)).length).toBeGreaterThan(4);
    expect(
      manifests
        .filter(({ kind }) => !hasType(kind))
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['PrometheusRule', 'ServiceMonitor']);
    expect(typeErrors(manifests)).toBe('');
  });

  it('select each other by the same labels', () => {
    const { matchLabels } = spec.selector;
    expect(spec.template.metadata.labels).toMatchObject(matchLabels);
    const service = only(manifests, 'Service');
    expect(serviceSchema.parse(service).spec.selector).toEqual(matchLabels);
    expect(service.metadata['labels']).toMatchObject(
      monitorSchema.parse(only(manifests, 'ServiceMonitor')).spec.selector.matchLabels,
    );
    for (const kind of ['PodDisruptionBudget', 'NetworkPolicy']) {
      const text = JSON.stringify(only(manifests, kind, 'pointsman'));
      expect(text).toContain(`"matchLabels":${JSON.stringify(matchLabels)}`);
    }
    expect(only(manifests, 'ServiceAccount').metadata.name).toBe(pod.serviceAccountName);
  });

  it('name one port all through, where the gateway listens', () => {
    expect(container.ports).toEqual([{ name: 'http', containerPort: Number(environment['PORT']) }]);
    const { ports } = serviceSchema.parse(only(manifests, 'Service')).spec;
    expect(ports).toEqual([{ name: 'http', port: 8080, targetPort: 'http' }]);
    const { endpoints } = monitorSchema.parse(only(manifests, 'ServiceMonitor')).spec;
    expect(endpoints.map(({ port, path }) => [port, path])).toEqual([['http', '/metrics']]);
    const paths = (openApiDocument('0') as { readonly paths: object }).paths;
    for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
      expect(httpGet.port).toBe('http');
      expect(Object.keys(paths)).toContain(httpGet.path);
    }
    // A journal that fails must not have its process killed: it knows what could not be written.
    expect(container.livenessProbe.httpGet.path).toBe('/healthz');
    expect(container.readinessProbe.httpGet.path).toBe('/readyz');
  });

  it('give the gateway variables that it knows, with values that it takes', () => {
    const { settings, warnings } = readEnvironment(environment);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({ host: '0.0.0.0', port: 8080, dataDir: '/data' });
    const example = readFileSync(join(ROOT, 'src', 'config', 'environment.ts'), 'utf8');
    for (const name of Object.keys(environment)) expect(example).toMatch(new RegExp(`^  ${name}: `, 'm'));
  });

  it('mount what is read, and where it is read', () => {
    const named = pod.volumes.map(({ name }) => name);
    expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual([...named].sort());
    const mounted = new Map(container.volumeMounts.map((mount) => [mount.mountPath, mount]));
    expect(mounted.get(environment['DATA_DIR'] ?? '')?.name).toBe('data');
    expect(mounted.get(environment['RULES_DIR'] ?? '')).toMatchObject({ name: 'rules', readOnly: true });
    expect(mounted.get('/etc/pointsman/keys')).toMatchObject({ name: 'api-keys', readOnly: true });
    expect(environment['API_KEYS_FILE']).toMatch(/^\/etc\/pointsman\/keys\//);
    expect(pod.volumes.find(({ name }) => name === 'rules')?.configMap?.name).toBe('routing-rules');
    // Who has no authority of their own has no such secret.
    expect(mounted.get('/etc/pointsman/authorities')).toMatchObject({ name: 'authorities', readOnly: true });
    expect(pod.volumes.find(({ name }) => name === 'authorities')?.secret).toMatchObject({
      secretName: 'pointsman-authorities',
      optional: true,
    });
    if (environment['REDIS_CA_FILE'] === undefined) return;
    const redisCa = container.env.find(({ name }) => name === 'REDIS_CA_FILE')?.valueFrom?.secretKeyRef;
    expect(redisCa).toEqual({ name: 'pointsman-stores', key: 'REDIS_CA_FILE', optional: true });
  });

  it('let in whoever asks at the port, and out only to names, to the stores and to TLS outside', () => {
    const { spec: policy } = z
      .object({
        spec: z.strictObject({
          podSelector: z.unknown(),
          policyTypes: z.array(z.string()),
          ingress: z.array(z.object({ ports: z.array(z.object({ port: z.string() })) })),
          egress: z.array(
            z.object({
              to: z.array(z.object({ ipBlock: z.object({ except: z.array(z.string()) }).optional() })).min(1),
              ports: z.array(z.object({ port: z.number(), protocol: z.string() })).min(1),
            }),
          ),
        }),
      })
      .parse(only(manifests, 'NetworkPolicy', 'pointsman'));
    expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(policy.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(['http']);
    const out = policy.egress.map(({ to, ports }) => [
      to[0]?.ipBlock?.except.length ?? 'names',
      ...ports.map(({ port, protocol }) => `${port} ${protocol}`),
    ]);
    expect(out).toEqual([
      ['names', '53 UDP', '53 TCP'],
      ['names', '5432 TCP', '6379 TCP', '26379 TCP'],
      [5, '443 TCP'],
    ]);
  });

  it('run not as root, and can write its volume only', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('keep the journal where all pods find it, or run one pod that ends before the next begins', () => {
    const { settings } = readEnvironment(environment);
    const data = pod.volumes.find(({ name }) => name === 'data');
    const scalers = manifests.filter(({ kind }) => kind === 'HorizontalPodAutoscaler');
    if (settings.databaseUrl === null) {
      expect([spec.replicas, spec.strategy.type, scalers.length]).toEqual([1, 'Recreate', 0]);
      const claim = only(manifests, 'PersistentVolumeClaim').metadata.name;
      expect(data).toMatchObject({ persistentVolumeClaim: { claimName: claim } });
      expect(data?.emptyDir).toBeUndefined();
      return;
    }
    expect(settings.redis).not.toBeNull();
    expect(data?.persistentVolumeClaim).toBeUndefined();
    // A number here would undo what the autoscaler did, at every apply.
    expect(spec.replicas).toBeUndefined();
    expect(spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    const { scaleTargetRef, minReplicas, maxReplicas } = scalerSchema.parse(scalers[0]).spec;
    const { apiVersion, kind, metadata } = only(manifests, 'Deployment');
    expect(scaleTargetRef).toEqual({ apiVersion, kind, name: metadata.name });
    expect(minReplicas).toBeGreaterThanOrEqual(2);
    expect(maxReplicas).toBeGreaterThan(minReplicas);
  });

  it('hold no more connections together than Postgres as it comes has, in a rolling replacement either', () => {
    const { settings } = readEnvironment(environment);
    if (settings.databaseUrl === null) return expect(environment['DATABASE_POOL_SIZE']).toBeUndefined();
    // Of 100 three are the superuser's.
    const connections = 97;
    const { maxReplicas } = scalerSchema.parse(only(manifests, 'HorizontalPodAutoscaler')).spec;
    const surge = spec.strategy.rollingUpdate?.maxSurge ?? Number.NaN;
    // An old pod that drains counts for neither: the next is replaced once the new one was ready for minReadySeconds.
    const draining = Math.ceil(pod.terminationGracePeriodSeconds / spec.minReadySeconds);
    const size = Number(environment['DATABASE_POOL_SIZE']);
    expect(settings.databasePoolSize).toBe(size);
    const all = (maxReplicas + surge + draining) * size;
    // One for the job, and some for reports and administrators.
    expect(all).toBeLessThanOrEqual(connections - 5);
    const told = /^(\d+) x (\d+) = (\d+) of the (\d+) that/m.exec(
      readFileSync(join(ROOT, 'docs', 'kubernetes.md'), 'utf8'),
    );
    expect(told?.slice(1).map(Number)).toEqual([maxReplicas + surge + draining, size, all, connections]);
  });

  it('leave the schema to a job of its own, whose secret no pod of the gateway has', () => {
    const jobs = manifests.filter(({ kind }) => kind === 'Job');
    if (readEnvironment(environment).settings.databaseUrl === null) return expect(jobs).toEqual([]);
    expect(environment['DATABASE_MIGRATE']).toBe('off');
    const { template, ttlSecondsAfterFinished } = jobSchema.parse(jobs[0]).spec;
    // Why it failed at night is there to be read in the morning.
    expect(ttlSecondsAfterFinished).toBeGreaterThanOrEqual(86_400);
    const { metadata, spec: jobPod } = template;
    const [migrate] = jobPod.containers;
    expect(migrate.image).toBe(container.image);
    expect(migrate.securityContext).toEqual(container.securityContext);
    expect(jobPod.serviceAccountName).toBe(pod.serviceAccountName);
    expect(existsSync(join(ROOT, migrate.command[1] ?? ''))).toBe(true);
    expect(migrate.command[0]).toBe('node');
    const secretsOf = (env: typeof container.env) =>
      env.flatMap(({ valueFrom }) => (valueFrom === undefined ? [] : [valueFrom.secretKeyRef.name]));
    expect(secretsOf(migrate.env)).toEqual(['pointsman-migrate']);
    expect(new Set(secretsOf(container.env))).toEqual(new Set(['pointsman-stores']));
    const policy = JSON.stringify(only(manifests, 'NetworkPolicy', 'pointsman-migrate'));
    expect(policy).toContain(`"matchLabels":${JSON.stringify(metadata.labels)}`);
    // Where sslrootcert leads is the same for both.
    expect(jobPod.volumes).toMatchObject(pod.volumes.filter(({ name }) => name === 'authorities'));
    expect(migrate.volumeMounts).toEqual(container.volumeMounts.filter(({ name }) => name === 'authorities'));
    // It is no gateway: no service sends it anything.
    expect(metadata.labels).not.toMatchObject(spec.selector.matchLabels);
  });

  it('leave time to drain before the process is killed', () => {
    const pause = Number(
      /setTimeout\(.*, (\d+)\)/.exec(container.lifecycle.preStop.exec.command[2] ?? '')?.[1],
    );
    const { drainTimeoutMs } = readEnvironment(environment).settings;
    const endsMs = pause + endsWithinMs(drainTimeoutMs);
    const graceMs = pod.terminationGracePeriodSeconds * 1000;
    // Timers are late on a busy machine, and the end of a process takes time of its own.
    expect(graceMs).toBeGreaterThanOrEqual(endsMs + 5_000);
    expect(pause).toBeGreaterThanOrEqual(5_000);
    const page = readFileSync(join(ROOT, 'docs', 'kubernetes.md'), 'utf8');
    const told = /takes (\d+) s at the most, within the grace period of (\d+) s/.exec(page);
    expect(told?.slice(1).map((seconds) => Number(seconds) * 1000)).toEqual([endsMs, graceMs]);
  });
});

if (!HAS_KUBECTL) {
  console.warn('SKIPPED without kubectl: test/k8s/manifests.test.ts, the overlays as kustomize builds them.');
}

describe.skipIf(!HAS_KUBECTL)('overlays by kustomize (skipped where kubectl is not installed)', () => {
  it.each(['dev', 'prod'] as const)('%s has rules that can come into force as they are', (name) => {
    const manifests = overlay(name);
    const { data } = z.object({ data: z.record(z.string(), z.string()) }).parse(only(manifests, 'ConfigMap'));
    expect(only(manifests, 'ConfigMap').metadata.name).toBe('routing-rules');
    // Real providers need their secrets, which the Secret gives as variables of these names.
    const environment =
      name === 'prod' ? { STRIPE_API_KEY: 'sk_test_x', STRIPE_WEBHOOK_SECRETS: 'whsec_x' } : {};
    const sources = { environment, readFile: () => ({ kind: 'unreadable', code: 'ENOENT' }) as const };
    const reading = validateRulesetFiles(data, sources);
    expect(reading.kind === 'refused' ? reading.errors : []).toEqual([]);
    const without = validateRulesetFiles(data, { ...sources, environment: {} });
    expect(without.kind).toBe(name === 'prod' ? 'refused' : reading.kind);
  });

  it('put everything into a namespace of its own, which restricts pods', () => {
    for (const [name, namespace] of [
      ['dev', 'payments-dev'],
      ['prod', 'payments'],
    ] as const) {
      const manifests = overlay(name);
      const namespaces = new Set(
        manifests.map(({ kind, metadata }) => (kind === 'Namespace' ? metadata.name : metadata.namespace)),
      );
      expect([...namespaces]).toEqual([namespace]);
      expect(partsOf(manifests).container.image).toMatch(/^registry\.example\.com\/pointsman:\d/);
    }
  });

  it('prod links each alert to where its runbook is read, which is said in one place', () => {
    const copy = mkdtempSync(join(tmpdir(), 'overlay-'));
    try {
      cpSync(join(ROOT, 'k8s'), join(copy, 'k8s'), { recursive: true });
      const file = join(copy, 'k8s', 'overlays', 'prod', 'kustomization.yaml');
      const text = readFileSync(file, 'utf8');
      expect(text).toContain('[at=runbooks.example.com]');
      writeFileSync(file, text.replace('[at=runbooks.example.com]', '[at=wiki.acme.test/pay/runbooks]'));
      for (const [folder, place] of [
        [ROOT, 'runbooks.example.com'],
        [copy, 'wiki.acme.test/pay/runbooks'],
      ] as const) {
        const manifests = overlay('prod', folder);
        const links = JSON.stringify(only(manifests, 'PrometheusRule')).match(/"runbook_url":"[^"]*"/g) ?? [];
        const pages = readdirSync(join(ROOT, 'k8s', 'runbooks')).filter((name) => name !== 'README.md');
        expect(links.toSorted()).toEqual(
          pages.map((page) => `"runbook_url":"https://${place}/${page}"`).toSorted(),
        );
        expect(manifests.filter(({ kind }) => kind === 'ConfigMap')).toHaveLength(1);
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  it('prod is production, and waits for somebody to activate what is applied', () => {
    const { environment } = partsOf(overlay('prod'));
    expect(readEnvironment(environment).settings).toMatchObject({
      production: true,
      rulesActivation: 'manual',
    });
    expect(readEnvironment(partsOf(overlay('dev')).environment).settings.production).toBe(false);
  });
});

describe('runbooks', () => {
  it('name the objects of prod as they are called', () => {
    const folder = join(ROOT, 'k8s', 'runbooks');
    const text = readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('\n');
    const { spec, pod, container } = partsOf(base);
    const known = {
      'deployment/': only(base, 'Deployment').metadata.name,
      'service/': only(base, 'Service').metadata.name,
      'secret generic ': container.envFrom[0]?.secretRef.name,
      '-l app.kubernetes.io/name=': spec.selector.matchLabels['app.kubernetes.io/name'],
      'kubectl -n ': 'payments',
    };
    for (const [before, name] of Object.entries(known)) {
      const named = [...text.matchAll(new RegExp(`${before}([\\w-]+)`, 'g'))].map((match) => match[1]);
      expect([before, [...new Set(named)]]).toEqual([before, [name]]);
    }
    expect(pod.volumes.find(({ name }) => name === 'api-keys')?.secret?.secretName).toBe(
      'pointsman-api-keys',
    );
  });
});

describe('the compiler over manifests', () => {
  it('tells a member that Kubernetes does not know, deep inside, and a wrong type', () => {
    const text = JSON.stringify(only(base, 'Deployment'));
    const misspelt = JSON.parse(
      text.replace('"readOnlyRootFilesystem"', '"readOnlyRootFileSystem"'),
    ) as Manifest;
    expect(typeErrors([misspelt])).toContain('readOnlyRootFileSystem');
    const wrong = JSON.parse(
      text.replace('"revisionHistoryLimit":5', '"revisionHistoryLimit":"5"'),
    ) as Manifest;
    expect(typeErrors([wrong])).toContain("'string' is not assignable to type 'number'");
  });
});
