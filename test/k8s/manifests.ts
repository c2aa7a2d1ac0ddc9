import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { ROOT } from './alert-rules.ts';

const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});

/** An object of Kubernetes, as a file or kustomize gives it. */
export type Manifest = z.infer<typeof manifestSchema>;

/** Where the types of each kind are in `kubernetes-models`. */
const MODULES: Readonly<Record<string, string>> = {
  ConfigMap: 'v1',
  Deployment: 'apps/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
  Job: 'batch/v1',
  Namespace: 'v1',
  NetworkPolicy: 'networking.k8s.io/v1',
  PersistentVolumeClaim: 'v1',
  PodDisruptionBudget: 'policy/v1',
  Service: 'v1',
  ServiceAccount: 'v1',
};

/** The manifests of `k8s/base` as they are written. */
export function baseManifests(): readonly Manifest[] {
  const folder = join(ROOT, 'k8s', 'base');
  const { resources } = z
    .object({ resources: z.array(z.string()) })
    .parse(parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')));
  const files = readdirSync(folder).filter((name) => name !== 'kustomization.yaml');
  if (files.sort().join() !== [...resources].sort().join()) {
    throw new Error(`k8s/base holds ${files.join(', ')}, its kustomization names ${resources.join(', ')}`);
  }
  return resources.map((name) => manifestSchema.parse(parse(readFileSync(join(folder, name), 'utf8'))));
}

/** Whether kubectl is installed. */
export const HAS_KUBECTL = spawnSync('kubectl', ['version', '--client']).status === 0;

/**
 * What `kubectl apply -k` of an overlay would apply.
 * @param root another copy of the repository
 */
export function overlay(name: 'dev' | 'prod', root: string = ROOT): readonly Manifest[] {
  const text = execFileSync('kubectl', ['kustomize', join(root, 'k8s', 'overlays', name)], {
    encoding: 'utf8',
  });
  return parseAllDocuments(text).map((document) => manifestSchema.parse(document.toJS()));
}

/**
 * Holds manifests against the types of Kubernetes' own description by the compiler, which refuses members that a type
 * does not have, at any depth, as much as wrong types and missing members.
 * @returns what the compiler says; empty: all is well
 */
export function typeErrors(manifests: readonly Manifest[]): string {
  const folder = join(ROOT, 'node_modules', '.cache', `manifests-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    const typed = manifests.filter(({ kind }) => MODULES[kind] !== undefined);
    const source = typed.map(
      (manifest, index) =>
        `const _${index}: import('kubernetes-models/${MODULES[manifest.kind]}').I${manifest.kind} = ${JSON.stringify(manifest, null, 1)};`,
    );
    const file = join(folder, 'manifests.ts');
    writeFileSync(file, `export {};\n${source.join('\n')}\n`);
    const compiler = join(ROOT, 'node_modules', '.bin', 'tsc');
    const options = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2024'];
    const { status, stdout } = spawnSync(compiler, [...options, '--ignoreConfig', file], {
      encoding: 'utf8',
      cwd: folder,
    });
    return status === 0 ? '' : stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Kinds that {@link typeErrors} knows. */
export function hasType(kind: string): boolean {
  return MODULES[kind] !== undefined;
}
