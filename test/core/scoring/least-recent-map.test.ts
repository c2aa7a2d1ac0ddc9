import { describe, expect, it } from 'vitest';
import { LeastRecentMap } from '../../../src/core/scoring/least-recent-map.ts';

const made = () => ({});

describe('LeastRecentMap', () => {
  it('never holds more than its bound', () => {
    for (const limit of [2, 3, 10, 101]) {
      const map = new LeastRecentMap<number, object>(limit);
      for (let key = 0; key < 5 * limit; key += 1) {
        map.touch(key % 7 === 0 ? 0 : key, made);
        expect(map.size).toBeLessThanOrEqual(limit);
      }
    }
  });

  it('keeps an entry while fewer than half of its bound of others are touched', () => {
    const map = new LeastRecentMap<string, object>(10);
    for (let round = 0; round < 50; round += 1) {
      const value = map.touch('kept', made);
      for (let other = 0; other < 4; other += 1) map.touch(`${round}/${other}`, made);
      expect(map.peek('kept')).toBe(value);
      expect(map.touch('kept', made)).toBe(value);
    }
  });

  it('forgets what as many others as its bound were touched after', () => {
    const map = new LeastRecentMap<string, object>(10);
    map.touch('old', made);
    for (let other = 0; other < 10; other += 1) map.touch(String(other), made);
    expect(map.peek('old')).toBeUndefined();
  });

  it('reads without touching', () => {
    const map = new LeastRecentMap<string, object>(10);
    map.touch('read', made);
    for (let other = 0; other < 10; other += 1) {
      map.peek('read');
      map.touch(String(other), made);
    }
    expect(map.peek('read')).toBeUndefined();
  });
});
