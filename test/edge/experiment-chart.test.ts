import { describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/core/experiments/results.ts';
import { experimentChart } from '../../src/edge/experiment-chart.ts';
import { emptyResults, sampleExperiment } from '../support/sample-experiment.ts';

/** The chart of one comparison with these ends. */
function chartOf(low: number, high: number): string {
  const results = emptyResults(sampleExperiment());
  const comparison = {
    arm: 'treatment',
    baseline: 'control',
    metric: results.experiment.metric,
    method: 'confidence_sequence',
    difference: (low + high) / 2,
    low,
    high,
  } as Comparison;
  return experimentChart({ ...results, report: { ...results.report, comparisons: [comparison] } });
}

/** Figures below the axis of intervals, from left to right: where, and what they say. */
function ticksOf(svg: string): readonly { readonly x: number; readonly words: string }[] {
  return [...svg.matchAll(/<text x="([\d.]+)" y="[\d.]+" class="small" text-anchor="middle">([^<]*)</g)].map(
    ([, x, words]) => ({ x: Number(x), words: words ?? '' }),
  );
}

describe('the axis of a chart of results', () => {
  it.each([
    [-0.00747, 0.132],
    [-0.4, 0.0265],
    [0.001, 0.0012],
    [-0.9, 0.9],
    [0, 0],
    [-0.0299, -0.0001],
  ])('from %s to %s has round figures that do not stand on each other, zero among them', (low, high) => {
    const ticks = ticksOf(chartOf(low, high));
    expect(ticks.length).toBeGreaterThanOrEqual(2);
    expect(ticks.length).toBeLessThanOrEqual(8);
    expect(ticks.map(({ words }) => words)).toContain('0');
    for (const [index, { x, words }] of ticks.entries()) {
      expect(words).toMatch(/^(?:0|[+-]\d+(?:\.\d*)? pp)$/);
      const before = ticks[index - 1];
      // About six units of width a letter.
      if (before !== undefined)
        expect(x - before.x).toBeGreaterThan(Math.max(before.words.length, words.length) * 6);
    }
  });

  it('holds both ends of the interval', () => {
    const figures = ticksOf(chartOf(-0.0299, 0.132)).map(({ words }) => Number.parseFloat(words));
    expect(Math.min(...figures)).toBeLessThanOrEqual(-2.99);
    expect(Math.max(...figures)).toBeGreaterThanOrEqual(13.2);
  });
});
