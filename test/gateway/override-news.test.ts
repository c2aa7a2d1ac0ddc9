import { expect, it } from 'vitest';
import { OverrideNews } from '../../src/gateway/override-news.ts';
import { sampleOverride } from '../support/sample-override.ts';

it('tells each override that somebody else took once, and its own never', () => {
  const news = new OverrideNews();
  const [first, second] = [sampleOverride({ provider: 'a' }), sampleOverride({ provider: 'b' })];
  expect(news.newIn([first])).toEqual([first]);
  expect(news.newIn([first])).toEqual([]);
  expect(news.newIn([first, second])).toEqual([second]);
  const own = sampleOverride({ provider: 'a', mode: 'drain', createdAtMs: 5_000_000 });
  news.taking(own);
  expect(news.newIn([own, second])).toEqual([]);
  expect(news.newIn([own, second])).toEqual([]);
  // The end of it, by somebody else, and what was there before it again, taken anew.
  const over = { ...own, mode: 'auto' as const, createdAtMs: 5_000_001 };
  expect(news.newIn([over, second])).toEqual([over]);
  expect(news.newIn([{ ...first, createdAtMs: 5_000_002 }])).toEqual([{ ...first, createdAtMs: 5_000_002 }]);
});

it('tells one that could not be recorded, as far as was known, and is there all the same', () => {
  const news = new OverrideNews();
  const own = sampleOverride({ provider: 'a' });
  news.taking(own);
  expect(news.notTaken(own)).toBe(false);
  expect(news.newIn([own])).toEqual([own]);
});

it('has one told that was seen before it was known that it could not be recorded', () => {
  const news = new OverrideNews();
  const own = sampleOverride({ provider: 'a' });
  news.taking(own);
  expect(news.newIn([own])).toEqual([]);
  expect(news.notTaken(own)).toBe(true);
  expect(news.newIn([own])).toEqual([]);
});
