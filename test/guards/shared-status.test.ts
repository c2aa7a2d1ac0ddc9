import { describe, expect, it } from 'vitest';
import { SHARED_FUNCTIONS, SharedStateError } from '../../src/gateway/shared-state.ts';
import { SharedStatus } from '../../src/guards/shared-status.ts';
import { FakeClock } from '../support/fake-clock.ts';

function scene() {
  const clock = new FakeClock();
  const told: boolean[] = [];
  const functions: string[] = [];
  const status = new SharedStatus(clock, {
    onFunction: (what, isUp) => functions.push(`${what} ${isUp}`),
    onChanged: (isUp) => told.push(isUp),
  });
  const fail = () => status.failed('limits', new SharedStateError('late'));
  const all = () => {
    for (const what of SHARED_FUNCTIONS) status.answered(what);
  };
  return { clock, status, told, functions, fail, all };
}

describe('what works of the shared state', () => {
  it('is told once all was answered, and no sooner', () => {
    const { status, told, functions, all } = scene();
    status.answered('limits');
    expect(told).toEqual([]);
    expect(status.isUp('limits')).toBe(true);
    expect(status.isUp('learning')).toBe(false);
    all();
    expect(told).toEqual([true]);
    expect(functions).toHaveLength(SHARED_FUNCTIONS.length);
  });

  it('is no loss when one answer is late', async () => {
    const { clock, status, told, functions, fail, all } = scene();
    all();
    fail();
    expect(status.isUp('limits')).toBe(false);
    await clock.advance(900);
    all();
    await clock.advance(60_000);
    expect(told).toEqual([true]);
    expect(functions.slice(SHARED_FUNCTIONS.length)).toEqual(['limits false', 'limits true']);
  });

  it('is told once when it comes and goes, and back when it stays', async () => {
    const { clock, told, fail, all } = scene();
    all();
    for (let time = 0; time < 20; time += 1) {
      fail();
      await clock.advance(1_500);
      all();
      await clock.advance(1_500);
    }
    expect(told).toEqual([true, false]);
    await clock.advance(4_000);
    expect(told).toEqual([true, false, true]);
  });

  it('is told as lost when nobody ever answers', async () => {
    const { clock, told, fail } = scene();
    fail();
    await clock.advance(4_999);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([false]);
  });

  it('is no loss when a late answer comes while others are not asked yet', async () => {
    const { clock, status, told, fail, all } = scene();
    fail();
    status.answered('limits');
    await clock.advance(60_000);
    expect(told).toEqual([]);
    all();
    expect(told).toEqual([true]);
  });

  it('hides no fault of ours', () => {
    const { status } = scene();
    expect(() => status.failed('limits', new TypeError('a bug'))).toThrow('a bug');
  });
});
