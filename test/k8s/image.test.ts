import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnvironment } from '../../src/config/environment.ts';
import { ROOT } from './alert-rules.ts';
import { baseManifests } from './manifests.ts';

const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').replaceAll(/\\\n\s*/g, '');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
};

/** Arguments of an instruction, wherever it stands. */
function instructions(name: string): readonly string[] {
  return [...dockerfile.matchAll(new RegExp(`^${name} (.+)$`, 'gm'))].map(([, rest = '']) => rest);
}

describe('the image', () => {
  it('installs exactly what the lockfile says, without development dependencies', () => {
    expect(instructions('RUN')[0]).toMatch(/^npm ci --omit=dev --ignore-scripts/);
    expect(instructions('RUN').join('\n')).not.toMatch(/npm (install|i) /);
    expect(instructions('ARG')[0]).toMatch(/^BASE=docker\.io\/library\/node:24/);
  });

  it('takes only files that are there and that .dockerignore lets in', () => {
    const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8');
    const copied = instructions('COPY')
      .filter((rest) => !rest.startsWith('--from'))
      .flatMap((rest) => rest.split(' ').slice(0, -1));
    expect(copied).toEqual(['package.json', 'package-lock.json', 'package.json', 'src', 'routing-rules']);
    expect(ignored.split('\n')[1]).toBe('*');
    for (const path of copied) {
      expect([path, existsSync(join(ROOT, path)), ignored.includes(`\n!${path}\n`)]).toEqual([
        path,
        true,
        true,
      ]);
    }
  });

  it('runs what npm start runs, as itself, as the user of the manifests', () => {
    expect(instructions('CMD')).toEqual(['["node", "src/main.ts"]']);
    expect(manifest.scripts['start']).toBe('exec node src/main.ts');
    expect(instructions('USER')).toEqual(['10001:10001']);
    expect(JSON.stringify(baseManifests())).toContain('"runAsUser":10001,"runAsGroup":10001');
    expect(instructions('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(instructions('ARG')).toContain(`VERSION=${manifest.version}`);
  });

  it('sets variables that the gateway knows, and has its volume where it writes', () => {
    const variables = Object.fromEntries(
      instructions('ENV').flatMap((rest) =>
        rest.split(' ').map((pair) => pair.split('=') as [string, string]),
      ),
    );
    const { settings, warnings } = readEnvironment(variables);
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      host: '0.0.0.0',
      port: 8080,
      production: true,
      rulesDir: '/app/routing-rules',
    });
    expect(instructions('VOLUME')).toEqual([settings.dataDir]);
    expect(instructions('EXPOSE')).toEqual([String(settings.port)]);
    expect(instructions('HEALTHCHECK')[0]).toContain('/healthz');
  });
});
