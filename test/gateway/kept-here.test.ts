import { expect, it } from 'vitest';
import { KeptHere } from '../../src/gateway/kept-here.ts';
import { keepNotices, workOutNotices } from '../../src/gateway/notices.ts';
import { JournalError, type KeptNotice } from '../../src/gateway/ports.ts';
import { stage, stubProvider } from '../support/gateway-stubs.ts';

const NOTICE: KeptNotice = {
  sequence: 1,
  provider: 'sandbox-a',
  eventId: 'evt_1',
  type: 'told',
  attemptId: 'att_none_1',
  data: {},
  receivedAtMs: 0,
};

/** A process before a journal that holds one open notice, or as many as are told. */
function process(
  soleOwner: boolean,
  open: () => readonly KeptNotice[] = () => [NOTICE],
  settle: () => Promise<void> = async () => {},
) {
  const settled: number[] = [];
  const here = stage({
    journal: {
      openNotices: async () => open(),
      findAuthorization: async () => null,
      settleNotice: async (sequence) => {
        await settle();
        settled.push(sequence);
      },
    },
  });
  return { here, settled, deps: { ...here.deps, soleOwner } };
}

it('what this process has kept is worked out at once, also beside others', async () => {
  const { deps } = process(false);
  const kept = new KeptHere();
  kept.add('sandbox-a', NOTICE);
  expect(await workOutNotices(deps, kept)).toBe(1);
  expect(kept.has('sandbox-a', NOTICE)).toBe(false);
});

it('what another process has kept is left to it for ten seconds, and then taken', async () => {
  const { here, deps } = process(false);
  const kept = new KeptHere();
  kept.add('sandbox-b', NOTICE);
  expect(await workOutNotices(deps, kept)).toBe(0);
  await here.clock.advance(9_999);
  expect(await workOutNotices(deps, kept)).toBe(0);
  await here.clock.advance(1);
  expect(await workOutNotices(deps, kept)).toBe(1);
});

it('whoever is alone works out everything at once', async () => {
  const { deps } = process(true);
  expect(await workOutNotices(deps, new KeptHere())).toBe(1);
});

it('whoever knows of no others works out everything at once', async () => {
  const { deps } = process(false);
  expect(await workOutNotices(deps)).toBe(1);
});

it('each is left for ten seconds of its own', async () => {
  const open = [NOTICE];
  const { here, deps, settled } = process(false, () => open);
  const kept = new KeptHere();
  await workOutNotices(deps, kept);
  await here.clock.advance(5_000);
  open.push({ ...NOTICE, sequence: 2, eventId: 'evt_2' });
  await workOutNotices(deps, kept);
  await here.clock.advance(5_000);
  expect(await workOutNotices(deps, kept)).toBe(1);
  expect(settled).toEqual([1]);
});

it('what is dealt with is forgotten, so that another of that place is left to others again', async () => {
  const { here, deps } = process(false);
  const kept = new KeptHere();
  await workOutNotices(deps, kept);
  await here.clock.advance(10_000);
  expect(await workOutNotices(deps, kept)).toBe(1);
  expect(await workOutNotices(deps, kept)).toBe(0);
});

it('what could not be settled stays with this process', async () => {
  let isFailing = true;
  const { deps } = process(
    false,
    () => [NOTICE],
    async () => {
      if (isFailing) throw new JournalError('disk full');
    },
  );
  const kept = new KeptHere();
  kept.add('sandbox-a', NOTICE);
  expect(await workOutNotices(deps, kept)).toBe(0);
  expect(kept.has('sandbox-a', NOTICE)).toBe(true);
  isFailing = false;
  expect(await workOutNotices(deps, kept)).toBe(1);
});

it.each([
  ['kept', true],
  ['known', false],
] as const)('what comes in is of this process where the journal says %s', async (said, isHere) => {
  const provider = {
    ...stubProvider(),
    readNotices: async () => ({ kind: 'read', notices: [NOTICE] }) as const,
  };
  const here = stage({ journal: { keepNotice: async () => said }, providers: [provider] });
  const kept = new KeptHere();
  const result = await keepNotices('sandbox-a', { headers: {}, body: '' }, here.deps, kept);
  expect(result).toEqual({ kind: 'kept', isNew: isHere });
  expect(kept.has('sandbox-a', NOTICE)).toBe(isHere);
});

it('beyond ten thousand the oldest are forgotten', () => {
  const kept = new KeptHere();
  for (let number = 0; number <= 10_000; number += 1) kept.add('sandbox-a', { eventId: `evt_${number}` });
  expect(kept.has('sandbox-a', { eventId: 'evt_0' })).toBe(false);
  expect(kept.has('sandbox-a', { eventId: 'evt_1' })).toBe(true);
});
