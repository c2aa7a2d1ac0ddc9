import { describe, expect, it } from 'vitest';
import { CARD_BRANDS } from '../../src/core/card.ts';
import { busyScrape, seriesOf } from './busy-scrape.ts';

/** Series by metric, buckets counted with theirs. */
async function countSeries(
  providers: number,
  brands: number = CARD_BRANDS.length,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { name } of seriesOf(await busyScrape(providers, CARD_BRANDS.slice(0, brands)))) {
    const metric = name.replace(/_(bucket|sum|count)$/, '');
    counts.set(metric, (counts.get(metric) ?? 0) + 1);
  }
  return counts;
}

const total = (counts: ReadonlyMap<string, number>) =>
  [...counts.values()].reduce((sum, count) => sum + count, 0);

describe('series of a scrape', () => {
  it('of thirty providers for six brands each that have met everything stay within what a scrape may cost', async () => {
    const counts = await countSeries(30, 6);
    const largest = [...counts].sort(([, one], [, other]) => other - one).slice(0, 8);
    console.log(
      `${total(counts)} series with 30 providers; most: ${largest.map((entry) => entry.join(' ')).join(', ')}`,
    );
    // 30 providers, each with its own series at six brands, failing over to each other, looked into in every way.
    expect(counts.get('pointsman_breaker_state')).toBe(30 * 6);
    expect(counts.get('pointsman_webhooks_total')).toBe(30 * 6);
    expect(counts.get('pointsman_failovers_total')).toBe(401);
    expect(counts.get('pointsman_attempt_duration_seconds')).toBe(81 * 15);
    expect(total(counts)).toBeLessThan(5_500);
  });

  it('do not grow with more providers once their bounds are met', async () => {
    const [thirty, many, more] = [await countSeries(30), await countSeries(120), await countSeries(240)];
    expect(total(many)).toBeGreaterThan(total(thirty));
    // What each provider has one of may grow; nothing goes over its bound.
    for (const [metric, count] of more) {
      const isHistogram = metric.endsWith('_seconds') && metric.startsWith('pointsman_');
      expect([metric, count <= (isHistogram ? 81 * 15 : 401)]).toEqual([metric, true]);
    }
    expect(total(more)).toBeLessThan(8_000);
  });
});
