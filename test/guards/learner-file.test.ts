import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AttemptOutcome } from '../../src/core/attempt.ts';
import { LearnerFile } from '../../src/guards/learner-file.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { routingFacts } from '../support/routing-facts.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const approved: AttemptOutcome = { kind: 'approved', providerReference: 'p', networkTransaction: null };
const sent: AttemptOutcome = {
  kind: 'partially_approved',
  providerReference: 'p',
  authorizedAmount: 1,
  networkTransaction: null,
  reversal: 'none',
};
const FIRST = { name: '', later: false };
const DAY_MS = 24 * 3_600_000;

/** Facts of one of many BINs; a new object each, as every payment has. */
const factsOf = (bin: number) =>
  routingFacts({ cardBin: String(40_000_000 + bin), cardIssuer: `Bank ${bin % 50}` });

function taught(clock: FakeClock, outcomes = 20_000): OutcomeLearner {
  const learner = new OutcomeLearner(clock);
  const random = new SeededRandom(7);
  for (let index = 0; index < outcomes; index += 1) {
    learner.observe({
      provider: random.pick(['a', 'b', 'c']),
      facts: factsOf(random.integer(0, 499)),
      attemptNumber: 1,
      outcome: random.chance(0.8) ? approved : sent,
      durationMs: 100,
      resolvedLater: false,
    });
  }
  return learner;
}

function scene(clock = new FakeClock()) {
  const path = join(mkdtempSync(join(tmpdir(), 'learner-')), 'learner-state');
  onTestFinished(() => rmSync(dirname(path), { recursive: true, force: true }));
  const failures: unknown[] = [];
  const file = (learner: OutcomeLearner) =>
    new LearnerFile({ path, clock, learner, onFailed: (error) => failures.push(error) });
  return { clock, path, failures, file };
}

const known = (learner: OutcomeLearner) =>
  ['a', 'b', 'c', 'd'].flatMap((provider) =>
    [0, 1, 77].map((bin) => learner.approval(provider, factsOf(bin), FIRST)),
  );

describe('what was learned', () => {
  it('is there after a restart, whatever order providers are then known in', async () => {
    const { clock, path, file, failures } = scene();
    const learner = taught(clock);
    await file(learner).save();
    const later = new OutcomeLearner(clock);
    later.approval('c', factsOf(1), FIRST);
    expect(await file(later).restore()).toEqual({
      kind: 'restored',
      tallies: expect.any(Number),
      refused: 0,
      ageMs: 0,
    });
    expect(known(later)).toEqual(known(learner));
    expect(known(later)[0]?.level).toBe('bin');
    expect(failures).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(path, '..'))).toEqual(['learner-state']);
    // Cells are hashes: nothing of a card is in it.
    expect(readFileSync(path, 'latin1')).not.toMatch(/4000|Bank/);
  });

  it('counts half after a week in which nobody learned', async () => {
    const { clock, file } = scene();
    const learner = taught(clock);
    await file(learner).save();
    await clock.advance(7 * DAY_MS);
    const later = new OutcomeLearner(clock);
    expect(await file(later).restore()).toMatchObject({ kind: 'restored', ageMs: 7 * DAY_MS });
    const [before, after] = [learner, later].map((one) => one.approval('a', factsOf(1), FIRST).n);
    expect(after).toBeCloseTo((before ?? 0) / 2, 4);
  });

  it('is saved again and again, and once more at the end', async () => {
    const { clock, path, file } = scene();
    const learner = taught(clock, 100);
    const kept = file(learner);
    kept.keep(60_000);
    await clock.advance(60_000);
    await kept.save();
    const first = readFileSync(path);
    learner.observe({
      provider: 'z',
      facts: factsOf(1),
      attemptNumber: 1,
      outcome: approved,
      durationMs: 1,
      resolvedLater: false,
    });
    await kept.close();
    expect(readFileSync(path).equals(first)).toBe(false);
    const later = new OutcomeLearner(clock);
    await file(later).restore();
    expect(later.approval('z', factsOf(1), FIRST).level).toBe('bin');
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ['cut off', (path) => truncateSync(path, statSync(path).size - 5), /checksum/],
    ['cut off in its first line', (path) => truncateSync(path, 10), /not complete/],
    [
      'changed',
      (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(26)])),
      /checksum/,
    ],
    [
      'of a version that named kinds of payments otherwise',
      (path) => {
        const bytes = readFileSync(path, 'latin1');
        writeFileSync(path, bytes.replace('"cell_names":2', '"cell_names":1'), 'latin1');
      },
      /edition 1, this version by edition 2: what was learned is dropped once/,
    ],
    ['of another program', (path) => writeFileSync(path, '{"format":"other"}\n'), /pointsman-learner-1/],
    ['no JSON', (path) => writeFileSync(path, 'hello\n'), /no JSON/],
    ['empty', (path) => writeFileSync(path, ''), /not complete/],
  ])('is not taken up where the file is %s, and learning begins anew', async (_, damage, problem) => {
    const { clock, path, file } = scene();
    await file(taught(clock, 500)).save();
    damage(path);
    const later = new OutcomeLearner(clock);
    expect(await file(later).restore()).toEqual({ kind: 'refused', problem: expect.stringMatching(problem) });
    expect(later.approval('a', factsOf(1), FIRST).level).toBe('prior');
    await file(later).save();
    expect(await file(later).restore()).toMatchObject({ kind: 'restored' });
  });

  it.each<[string, (tally: DataView) => void]>([
    ['NaN approvals', (tally) => tally.setFloat32(10, Number.NaN, true)],
    ['NaN outcomes', (tally) => tally.setFloat32(14, Number.NaN, true)],
    ['endless outcomes', (tally) => tally.setFloat32(14, Number.POSITIVE_INFINITY, true)],
    ['fewer approvals than none', (tally) => tally.setFloat32(10, -1, true)],
    ['more approvals than outcomes', (tally) => tally.setFloat32(10, 1e6, true)],
    ['a provider that nobody named', (tally) => tally.setUint16(8, 999, true)],
  ])('is taken up but for tallies with %s, which are counted', async (_, damage) => {
    const { clock, path, file } = scene();
    const learner = taught(clock, 500);
    await file(learner).save();
    const whole = readFileSync(path);
    const body = Uint8Array.from(whole.subarray(whole.indexOf(0x0a) + 1));
    const total = body.length / 26;
    for (const index of [0, 5, total - 1]) damage(new DataView(body.buffer, index * 26, 26));
    const header = JSON.parse(whole.subarray(0, whole.indexOf(0x0a)).toString()) as object;
    const sha256 = createHash('sha256').update(body).digest('hex');
    writeFileSync(path, Buffer.concat([Buffer.from(`${JSON.stringify({ ...header, sha256 })}\n`), body]));
    const later = new OutcomeLearner(clock);
    expect(await file(later).restore()).toEqual({
      kind: 'restored',
      tallies: total - 3,
      refused: 3,
      ageMs: 0,
    });
    for (let bin = 0; bin < 500; bin += 1) {
      for (const provider of ['a', 'b', 'c']) {
        const { mean, deviation, n } = later.approval(provider, factsOf(bin), FIRST);
        expect(mean >= 0 && mean <= 1 && deviation > 0 && deviation < 1 && n >= 0).toBe(true);
      }
    }
  });

  it('is nothing at the first start, and a folder that is gone is told, not thrown', async () => {
    const { clock, path, failures } = scene();
    const learner = taught(clock, 10);
    const lost = new LearnerFile({
      path: join(path, 'not', 'there'),
      clock,
      learner,
      onFailed: (error) => failures.push(error),
    });
    expect(await lost.restore()).toEqual({ kind: 'nothing' });
    await lost.save();
    expect(failures).toHaveLength(1);
    chmodSync(join(path, '..'), 0o700);
  });

  it('is what was known when saving began, though more is learned meanwhile', async () => {
    const { clock, file } = scene();
    const learner = taught(clock, 30_000);
    const before = known(learner).map(({ n }) => n);
    const saving = file(learner).save();
    await Promise.resolve();
    for (let bin = 0; bin < 20_000; bin += 1) {
      learner.observe({
        provider: 'a',
        facts: factsOf(bin % 500),
        attemptNumber: 1,
        outcome: sent,
        durationMs: 1,
        resolvedLater: false,
      });
    }
    await saving;
    const later = new OutcomeLearner(clock);
    await file(later).restore();
    expect(known(later).map(({ n }) => n)).toEqual(before);
  });
});
