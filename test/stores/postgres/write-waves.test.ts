import { describe, expect, test } from 'vitest';
import type { WriteName } from '../../../src/stores/postgres/write-locks.ts';
import { inWaves, repliesOf } from '../../../src/stores/postgres/write-waves.ts';

const command = (name: WriteName, text: number, ...locks: readonly number[]) => ({
  name,
  text: String(text),
  locks: locks.map(BigInt),
});

describe('waves', () => {
  const { open, advance, openDecision } = {
    open: (text: number, ...locks: readonly number[]) => command('open', text, ...locks),
    advance: (text: number, ...locks: readonly number[]) => command('advance', text, ...locks),
    openDecision: (text: number, ...locks: readonly number[]) => command('openDecision', text, ...locks),
  };

  test.each<[string, Parameters<typeof inWaves>[0], object[]]>([
    ['nothing', [], []],
    [
      'what shares no lock goes together',
      [open(1, 1, 2), advance(2, 3), open(3, 4)],
      [{ open: [1, 3], advance: [2] }],
    ],
    [
      'what shares one comes later, in its order',
      [open(1, 7), open(2, 7), open(3, 7)],
      [{ open: [1] }, { open: [2] }, { open: [3] }],
    ],
    [
      'whatever its name',
      [open(1, 7, 8), openDecision(2, 8), advance(3, 9)],
      [{ open: [1], advance: [3] }, { openDecision: [2] }],
    ],
    [
      'after the last of those that it shares with',
      [open(1, 1), open(2, 1, 2), open(3, 2, 3), open(4, 3), open(5, 9)],
      [{ open: [1, 5] }, { open: [2] }, { open: [3] }, { open: [4] }],
    ],
    [
      'what needs none goes first',
      [open(1, 1), open(2, 1), advance(3)],
      [{ open: [1], advance: [3] }, { open: [2] }],
    ],
  ])('%s', (_what, batch, expected) => {
    const { waves, places } = inWaves(batch);
    expect(JSON.parse(waves)).toEqual(expected);
    // Echoed, each reply is that of its own command.
    expect(repliesOf(places, expected)).toEqual(batch.map(({ text }) => Number(text)));
  });

  test('a command without a reply is no success', () => {
    const { places } = inWaves([open(1, 1), open(2, 1)]);
    for (const replies of [
      null,
      [],
      [{ open: [null] }],
      [{ open: [null] }, { open: null }],
      [{ open: [null] }, { open: [] }],
    ]) {
      expect(() => repliesOf(places, replies)).toThrow(/a reply|wave by wave/);
    }
    expect(repliesOf(places, [{ open: [null] }, { open: [null] }])).toEqual([null, null]);
  });
});
