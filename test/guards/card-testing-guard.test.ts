import { describe, expect, it } from 'vitest';
import type { TestingSign } from '../../src/core/card-testing.ts';
import { CardTestingGuard } from '../../src/guards/card-testing-guard.ts';
import { FakeClock } from '../support/fake-clock.ts';

const CARD = { account: 'acme', merchant: 'acme-eu', bin: '45717360' };

function guardOn(clock: FakeClock) {
  const guard = new CardTestingGuard(clock);
  /** How often it tripped. */
  const end = (times: number, sign: TestingSign = 'declined', card = CARD) =>
    Array.from({ length: times }, () => guard.ended(card, sign)).filter((each) => each === 'tripped').length;
  return { guard, end };
}

describe('the guard against card testing', () => {
  it('trips at the hundredth decline, tells it once, and opens again after exactly a minute', async () => {
    const clock = new FakeClock();
    const { guard, end } = guardOn(clock);
    expect(end(99)).toBe(0);
    expect(guard.refusedForMs(CARD)).toBe(0);
    expect(end(1)).toBe(1);
    expect(guard.refusedForMs(CARD)).toBe(60_000);
    // What was under way meanwhile.
    expect(end(500)).toBe(0);
    await clock.advance(59_999);
    expect(guard.refusedForMs(CARD)).toBe(1);
    await clock.advance(1);
    expect(guard.refusedForMs(CARD)).toBe(0);
    // It begins to count anew.
    expect(end(99)).toBe(0);
    expect(end(1)).toBe(1);
  });

  it('does not trip while a tenth of the payments ends otherwise', () => {
    const { end } = guardOn(new FakeClock());
    expect(end(20, 'other')).toBe(0);
    expect(end(180)).toBe(0);
    expect(end(1)).toBe(1);
  });

  it('forgets what is older than a minute', async () => {
    const clock = new FakeClock();
    const { end } = guardOn(clock);
    for (let turn = 0; turn < 10; turn += 1) {
      expect(end(90)).toBe(0);
      await clock.advance(60_000);
    }
  });

  it('keeps accounts, merchants and BINs apart', () => {
    const { guard, end } = guardOn(new FakeClock());
    const others = [
      { ...CARD, account: 'other' },
      { ...CARD, merchant: 'acme-us' },
      { ...CARD, bin: '45717361' },
    ];
    expect(end(100)).toBe(1);
    for (const card of others) {
      expect(guard.refusedForMs(card)).toBe(0);
      expect(end(99, 'declined', card)).toBe(0);
    }
  });

  it('does not notice a wall clock that jumps', async () => {
    const clock = new FakeClock();
    const { guard, end } = guardOn(clock);
    end(100);
    clock.jumpWall(600_000);
    expect(guard.refusedForMs(CARD)).toBe(60_000);
    clock.jumpWall(-1_200_000);
    await clock.advance(60_000);
    expect(guard.refusedForMs(CARD)).toBe(0);
  });

  describe('by what other processes say', () => {
    const name = (guard: CardTestingGuard) => guard.counts()[0]?.name ?? '';
    const row = (of: string, ended: number, declined: number, refusedForMs = 0) => [
      { pod: 'other', counts: [{ name: of, ended, declined, refusedForMs }] },
    ];

    it('adds what they counted to its own, where its own are declined too', () => {
      const { guard, end } = guardOn(new FakeClock());
      end(10);
      guard.heard(row(name(guard), 89, 89));
      expect(end(1)).toBe(1);
      const honest = guardOn(new FakeClock());
      honest.end(5);
      honest.end(20, 'other');
      honest.guard.heard(row(name(honest.guard), 1e9, 1e9));
      expect(honest.end(4)).toBe(0);
    });

    it('counts what went well elsewhere, and forgets all of it within seconds of silence', async () => {
      const clock = new FakeClock();
      const { guard, end } = guardOn(clock);
      end(50);
      guard.heard(row(name(guard), 200, 5));
      expect(end(49)).toBe(0);
      const silent = guardOn(clock);
      silent.end(10);
      silent.guard.heard(row(name(silent.guard), 95, 95));
      await clock.advance(5_000);
      expect(silent.end(1)).toBe(0);
    });

    it('refuses with them for a minute, and again only once a payment of its own was declined', async () => {
      const clock = new FakeClock();
      const told: string[] = [];
      const guard = new CardTestingGuard(clock, (key, reason) => told.push(`${key} ${reason}`));
      for (let time = 0; time < 4; time += 1) guard.ended(CARD, 'declined');
      const of = name(guard);
      guard.heard(row(of, 0, 0, 9e15));
      expect(guard.refusedForMs(CARD)).toBe(60_000);
      for (let passed = 0; passed < 60_000; passed += 500) {
        guard.heard(row(of, 0, 0, 60_000));
        await clock.advance(500);
      }
      guard.heard(row(of, 0, 0, 60_000));
      expect(guard.refusedForMs(CARD)).toBe(0);
      expect(told).toEqual(['testing bound']);
      guard.ended(CARD, 'other');
      guard.heard(row(of, 0, 0, 60_000));
      expect(guard.refusedForMs(CARD)).toBe(0);
      guard.ended(CARD, 'declined');
      guard.heard(row(of, 0, 0, 60_000));
      expect(guard.refusedForMs(CARD)).toBe(60_000);
    });

    it('refuses nothing of which its own payments mostly go well', () => {
      const told: string[] = [];
      const guard = new CardTestingGuard(new FakeClock(), (key, reason) => told.push(`${key} ${reason}`));
      for (let time = 0; time < 4; time += 1) guard.ended(CARD, 'declined');
      for (let time = 0; time < 20; time += 1) guard.ended(CARD, 'other');
      guard.heard(row(name(guard), 100, 100, 60_000));
      expect(guard.refusedForMs(CARD)).toBe(0);
      expect(told).toEqual(['testing contradicted']);
    });

    it.each([
      [1, 2, 0],
      [Number.NaN, 1, 0],
      [Number.POSITIVE_INFINITY, 1, 0],
      [1, 1, Number.NaN],
    ])('takes no counts that cannot be: %d, %d, %d', (ended, declined, refusedForMs) => {
      const told: string[] = [];
      const guard = new CardTestingGuard(new FakeClock(), (key, reason) => told.push(`${key} ${reason}`));
      guard.heard(row('x', ended, declined, refusedForMs));
      expect(told).toEqual(['testing malformed']);
    });

    it('tells of few only, and of no merchant or BIN in clear', () => {
      const { guard, end } = guardOn(new FakeClock());
      for (let bin = 0; bin < 700; bin += 1) end(3, 'declined', { ...CARD, bin: String(40_000_000 + bin) });
      end(2, 'declined', { ...CARD, bin: '50000000' });
      expect(guard.counts()).toHaveLength(500);
      expect(JSON.stringify(guard.counts())).not.toMatch(/acme|4000/);
    });
  });
});
