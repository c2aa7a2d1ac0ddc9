import { describe, expect, it } from 'vitest';
import { RollingWindow } from '../../src/guards/rolling-window.ts';
import { FakeClock } from '../support/fake-clock.ts';

describe('a rolling window', () => {
  it('forgets slice by slice, read or not', async () => {
    const clock = new FakeClock();
    const window = new RollingWindow(clock, 1000);
    for (let slice = 0; slice < 10; slice += 1) {
      window.add(slice + 1);
      await clock.advance(100);
    }
    expect(window.sum()).toBe(54);
    await clock.advance(300);
    expect(window.sum()).toBe(45);
    await clock.advance(1_000_000);
    expect(window.sum()).toBe(0);
    window.add();
    expect(window.sum()).toBe(1);
    window.clear();
    expect(window.sum()).toBe(0);
  });

  it('does not notice the wall clock', () => {
    const clock = new FakeClock();
    const window = new RollingWindow(clock, 1000);
    window.add();
    clock.jumpWall(86_400_000);
    expect(window.sum()).toBe(1);
  });
});
