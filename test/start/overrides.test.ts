import { expect, it } from 'vitest';
import { LiveArms } from '../../src/gateway/live-arms.ts';
import { OverrideNews } from '../../src/gateway/override-news.ts';
import { JournalError, type ProviderOverride } from '../../src/gateway/ports.ts';
import { SharedLook } from '../../src/gateway/shared-look.ts';
import { takeOverride } from '../../src/start/overrides.ts';
import type { Parts } from '../../src/start/parts.ts';
import { openInProcessJournal } from '../../src/stores/sqlite/in-process-journal.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { hangingJournal } from '../support/hanging-journal.ts';
import { sampleOverride } from '../support/sample-override.ts';

/** A process that takes overrides, and what it goes by and logs. */
function stage() {
  const { hanging, hang, letGo } = hangingJournal(openInProcessJournal(':memory:'));
  const lines: string[] = [];
  const inForce: (readonly ProviderOverride[])[] = [];
  const overrideNews = new OverrideNews();
  const parts = {
    journal: hanging,
    overrideNews,
    lanes: { setOverrides: (list: readonly ProviderOverride[]) => void inForce.push(list) },
    log: { warn: (event: string) => void lines.push(event) },
    shared: null,
  } as unknown as Parts;
  return { journal: hanging, hang, letGo, parts, overrideNews, lines, inForce };
}

it('an override that is written long after it was asked for is told, and in force here, as any other', async () => {
  const { hang, letGo, parts, lines, inForce } = stage();
  const override = sampleOverride();
  hang(['saveOverride']);
  const taking = takeOverride(override, parts);
  await settled();
  expect([lines, inForce]).toEqual([[], []]);
  expect(letGo()).toBe(1);
  await taking;
  expect([lines, inForce]).toEqual([['override'], [[override]]]);
});

it.each([
  ['is seen in the journal before its call fails', true],
  ['is seen there afterwards', false],
])('an override whose confirmation is lost, and that %s, is told once', async (_, isSeenBefore) => {
  const { journal, parts, overrideNews, lines } = stage();
  const override = sampleOverride();
  const look = async () => {
    for (const _each of overrideNews.newIn(await journal.listOverrides())) lines.push('look');
  };
  const lost = {
    listOverrides: () => journal.listOverrides(),
    async saveOverride(each: ProviderOverride) {
      await journal.saveOverride(each);
      if (isSeenBefore) await look();
      throw new JournalError('the connection is lost');
    },
  };
  const taking = takeOverride(override, { ...parts, journal: { ...parts.journal, ...lost } });
  await expect(taking).rejects.toThrow(JournalError);
  await look();
  await look();
  expect(lines).toEqual([isSeenBefore ? 'override_taken_over' : 'look']);
});

it('a list that was read before another process wrote, and comes back late, holds until the next look', async () => {
  const { journal, parts, inForce } = stage();
  const [ours, theirs] = [sampleOverride(), sampleOverride({ provider: 'b' })];
  const look = new SharedLook({
    clock: new FakeClock(),
    observer: { journalTook() {}, alert() {}, armChanged() {} },
    journal,
    arms: new LiveArms(),
    setOverrides: (list) => parts.lanes.setOverrides(list),
    followRuleset: async () => {},
  });
  const { promise: isLate, resolve: comeBack } = Promise.withResolvers<void>();
  const slow = {
    saveOverride: (each: ProviderOverride) => journal.saveOverride(each),
    async listOverrides() {
      const list = await journal.listOverrides();
      await isLate;
      return list;
    },
  };
  const taking = takeOverride(ours, { ...parts, journal: { ...parts.journal, ...slow } });
  await settled();
  await journal.saveOverride(theirs);
  await look.look();
  comeBack();
  await taking;
  expect(inForce).toEqual([[ours, theirs], [ours]]);
  await look.look();
  expect(inForce.at(-1)).toEqual([ours, theirs]);
});
