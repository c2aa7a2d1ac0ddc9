import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readEnvironment } from '../../src/config/environment.ts';
import { validateRulesetFiles } from '../../src/config/validate-ruleset-files.ts';
import { openApiDocument } from '../../src/edge/openapi-document.ts';
import { ROOT } from './alert-rules.ts';
import { baseManifests, HAS_KUBECTL, hasType, type Manifest, overlay, typeErrors } from './manifests.ts';

const probeSchema = z.object({ httpGet: z.strictObject({ path: z.string(), port: z.string() }) });

/** What the tests look at; the rest is the compiler's. */
const setSchema = z.object({
  spec: z.object({
    replicas: z.number(),
    serviceName: z.string(),
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
            env: z.array(z.strictObject({ name: z.string(), value: z.string() })),
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
            secret: z.object({ secretName: z.string() }).optional(),
          }),
        ),
      }),
    }),
    volumeClaimTemplates: z.array(z.object({ metadata: z.object({ name: z.string() }) })),
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

function only(manifests: readonly Manifest[], kind: string): Manifest {
  const [found, ...others] = manifests.filter((manifest) => manifest.kind === kind);
  if (found === undefined || others.length > 0) throw new Error(`expected one ${kind}`);
  return found;
}

/** The parts of a set that have to fit together, whichever layer gave them. */
function partsOf(manifests: readonly Manifest[]) {
  const { spec } = setSchema.parse(only(manifests, 'StatefulSet'));
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const environment = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  return { spec, pod, container, environment };
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
      expect(JSON.stringify(only(manifests, kind))).toContain(`"matchLabels":${JSON.stringify(matchLabels)}`);
    }
    expect(only(manifests, 'ServiceAccount').metadata.name).toBe(pod.serviceAccountName);
    expect(service.metadata.name).toBe(spec.serviceName);
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
    const named = new Set([
      ...pod.volumes.map(({ name }) => name),
      ...spec.volumeClaimTemplates.map(({ metadata }) => metadata.name),
    ]);
    expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual([...named].sort());
    const mounted = new Map(container.volumeMounts.map((mount) => [mount.mountPath, mount]));
    expect(mounted.get(environment['DATA_DIR'] ?? '')?.name).toBe('data');
    expect(mounted.get(environment['RULES_DIR'] ?? '')).toMatchObject({ name: 'rules', readOnly: true });
    expect(mounted.get('/etc/pointsman/keys')).toMatchObject({ name: 'api-keys', readOnly: true });
    expect(environment['API_KEYS_FILE']).toMatch(/^\/etc\/pointsman\/keys\//);
    expect(pod.volumes.find(({ name }) => name === 'rules')?.configMap?.name).toBe('routing-rules');
  });

  it('let in whoever asks at the port, and out only to names and to TLS outside', () => {
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
      .parse(only(manifests, 'NetworkPolicy'));
    expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(policy.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(['http']);
    const out = policy.egress.map(({ to, ports }) => [
      to[0]?.ipBlock?.except.length ?? 'names',
      ...ports.map(({ port, protocol }) => `${port} ${protocol}`),
    ]);
    expect(out).toEqual([
      ['names', '53 UDP', '53 TCP'],
      [5, '443 TCP'],
    ]);
  });

  it('run one process, not as root, that can write its volume only', () => {
    expect(spec.replicas).toBe(1);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001 });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('leave time to drain before the process is killed', () => {
    const pause = Number(
      /setTimeout\(.*, (\d+)\)/.exec(container.lifecycle.preStop.exec.command[2] ?? '')?.[1],
    );
    const { drainTimeoutMs } = readEnvironment(environment).settings;
    // Two seconds to record what was given up, and five to close.
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThanOrEqual(pause + drainTimeoutMs + 7_000);
    expect(pause).toBeGreaterThanOrEqual(5_000);
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
      'statefulset/': only(base, 'StatefulSet').metadata.name,
      'service/': only(base, 'Service').metadata.name,
      'secret generic ': container.envFrom[0]?.secretRef.name,
      'edit pvc ': `${spec.volumeClaimTemplates[0]?.metadata.name}-${only(base, 'StatefulSet').metadata.name}-0`,
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
    const set = only(base, 'StatefulSet');
    const text = JSON.stringify(set);
    const misspelt = JSON.parse(
      text.replace('"readOnlyRootFilesystem"', '"readOnlyRootFileSystem"'),
    ) as Manifest;
    expect(typeErrors([misspelt])).toContain('readOnlyRootFileSystem');
    const wrong = JSON.parse(text.replace('"replicas":1', '"replicas":"1"')) as Manifest;
    expect(typeErrors([wrong])).toContain("'string' is not assignable to type 'number'");
  });
});
