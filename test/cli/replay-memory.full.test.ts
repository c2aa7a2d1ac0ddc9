import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { concluded, OUTCOMES, ROUTING, T0 } from '../contracts/journal-fixtures.ts';
import { multiplyJournal } from '../stores/sqlite/multiply-journal.ts';
import { type TemporaryFolder, temporaryFolder } from '../stores/sqlite/temporary-folder.ts';
import { providersYaml } from '../support/gateway-files.ts';
import { sampleCandidate } from '../support/sample-authorization.ts';
import { runScript } from './run-script.ts';

const AUTHORIZATIONS = 300_000;
const PROVIDERS = ['sandbox-a', 'sandbox-b', 'sandbox-c'] as const;
/** Megabytes: of what lives long, of which more would end the process, and of the whole process. */
const HEAP = 64;
const MEMORY_MAX = 320;
/** Has a process say at its end how much memory it took at most, kilobytes. */
const TELL_MEMORY =
  "process.on('exit', () => process.stderr.write('memory=' + process.resourceUsage().maxRSS));\n";

const folders: TemporaryFolder[] = [];
afterAll(() => {
  for (const folder of folders) folder.remove();
});

function newFolder(): string {
  const folder = temporaryFolder();
  folders.push(folder);
  return folder.path;
}

/** A journal of so many authorizations, split over three providers, nine of ten of which are approved. */
async function writeJournal(folder: string, authorizations: number): Promise<void> {
  const path = join(folder, 'journal.sqlite');
  const journal = openInProcessJournal(path);
  const originals = 30;
  for (let number = 1; number <= originals; number += 1) {
    const provider = PROVIDERS[number % PROVIDERS.length] ?? '';
    const candidates = PROVIDERS.map((each) => sampleCandidate(each));
    const routing = { ...ROUTING, strategy: 'split', candidates } as const;
    const outcome = number % 10 === 0 ? OUTCOMES.declined : OUTCOMES.approved;
    const intent = { provider, propensity: 1 / 3 };
    await concluded(journal, `auth_${number}`, outcome, { authorization: { routing }, intent, atMs: T0 });
  }
  await journal.close();
  multiplyJournal(path, originals, authorizations);
}

describe('npm run replay over a large journal', () => {
  it(`streams ${AUTHORIZATIONS} authorizations in memory that does not grow with them`, {
    timeout: 600_000,
  }, async () => {
    const rules = newFolder();
    const then = '{ split: { sandbox-a: 50, sandbox-b: 30, sandbox-c: 20 }, attempts_max: 1 }';
    writeFileSync(join(rules, 'rules.yaml'), `rules:\n  - name: all\n    then: ${then}\n`);
    writeFileSync(join(rules, 'providers.yaml'), providersYaml(PROVIDERS.map((id) => ({ id }))));
    const teller = join(rules, 'tell-memory.mjs');
    writeFileSync(teller, TELL_MEMORY);
    const replayed = async (authorizations: number) => {
      const data = newFolder();
      await writeJournal(data, authorizations);
      const begunMs = performance.now();
      const args = ['--rules', rules, '--data', data, '--json'];
      const told = await runScript(
        'replay.ts',
        args,
        { NODE_OPTIONS: `--import=${teller} --max-old-space-size=${HEAP}` },
        500_000,
      );
      expect(told.code, told.stderr).toBe(0);
      const seconds = (performance.now() - begunMs) / 1000;
      const { all } = JSON.parse(told.stdout) as {
        all: { approval: { payments: number; replayed: number } };
      };
      expect(all.approval.payments).toBe(authorizations);
      expect(Math.abs(all.approval.replayed - 0.9)).toBeLessThan(0.01);
      const megabytes = Number(/memory=(\d+)/.exec(told.stderr)?.[1]) / 1024;
      console.log(`${authorizations} authorizations: ${megabytes.toFixed(0)} MB, ${seconds.toFixed(0)} s`);
      return megabytes;
    };
    const few = await replayed(AUTHORIZATIONS / 10);
    const many = await replayed(AUTHORIZATIONS);
    expect(many).toBeLessThan(MEMORY_MAX);
    expect(many, `against ${few} MB for a tenth`).toBeLessThan(few * 1.3);
  });
});
