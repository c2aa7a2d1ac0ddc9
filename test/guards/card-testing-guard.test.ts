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
});
