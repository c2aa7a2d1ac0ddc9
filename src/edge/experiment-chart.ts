import { isShare } from '../core/experiments/experiment.ts';
import type { Comparison, PastLook } from '../core/experiments/results.ts';
import type { ExperimentResults } from '../gateway/experiment-watch.ts';

const WIDTH = 760;
const LEFT = 210;
const RIGHT = 110;
const ROW = 30;
const TIME_HEIGHT = 150;

/** Colours that are told apart on white and on black, and by who sees few colours. */
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .small { font-size: 11px; fill: #59636e }
  .title { font-size: 15px; font-weight: 600 }
  .ground { fill: #ffffff } .axis { stroke: #8c959f } .zero { stroke: #1f2328; stroke-dasharray: 4 3 }
  .interval { stroke: #0969da; stroke-width: 3 } .point { fill: #0969da }
  .band { fill: #0969da; opacity: 0.18 } .line { fill: none; stroke: #0969da; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 } .ground { fill: #0d1117 } .axis { stroke: #656c76 }
    .zero { stroke: #f0f6fc } .interval { stroke: #4493f8 } .point { fill: #4493f8 } .band { fill: #4493f8 }
    .line { stroke: #4493f8 }
  }`;

const METHODS: Readonly<Record<Comparison['method'], string>> = {
  confidence_sequence: 'at any time',
  welch: 'at the planned end only',
  bayesian: 'Bayesian',
  group_sequential: 'at planned looks',
};

/** A number on the axis and where it stands. */
type Scale = (value: number) => number;

/**
 * The intervals of the comparisons with the baseline, by method, and below them how the confidence sequence of each arm
 * has narrowed, as far as looks were kept. An image that stands alone, for light and dark pages.
 */
export function experimentChart({ experiment, report, looks }: ExperimentResults): string {
  const { metric, baseline, id } = experiment;
  const rows = report.comparisons.filter((comparison) => comparison.metric === metric);
  const factor = isShare(metric) ? 100 : 1;
  const unit = isShare(metric) ? ' pp' : '';
  const arms = experiment.arms.map(({ name }) => name).filter((name) => name !== baseline);
  const timed = arms.filter((arm) => seriesOf(looks, arm).length > 1);
  const words = wrapped(report.verdict);
  const top = 66 + Math.max(2, words.length) * 15;
  const height = top - 6 + Math.max(1, rows.length) * ROW + 40 + timed.length * (TIME_HEIGHT + 50);
  const parts = [
    text(16, 26, `${id}: ${metric} compared with ${baseline}`, 'title'),
    ...words.map((line, index) => text(16, 46 + index * 15, line, 'small')),
  ];
  if (rows.length === 0) parts.push(text(LEFT, top + 4, 'Nothing can be compared yet.'));
  else parts.push(...intervals(rows, top, factor, unit));
  timed.forEach((arm, index) => {
    const at = top + Math.max(1, rows.length) * ROW + 60 + index * (TIME_HEIGHT + 50);
    parts.push(...overTime(arm, seriesOf(looks, arm), at, factor, unit));
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(report.verdict)}">`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="100%" height="100%"/>`,
    ...parts,
    '</svg>',
  ].join('\n');
}

function intervals(rows: readonly Comparison[], top: number, factor: number, unit: string): string[] {
  const ends = rows.filter(isBounded).flatMap(({ low, high }) => [low * factor, high * factor]);
  const { from, to, ticks, scale } = scaleOf([...ends, 0], LEFT, WIDTH - RIGHT);
  const bottom = top + rows.length * ROW - 8;
  const parts = [
    line(scale(0), top - 16, scale(0), bottom, 'zero'),
    line(LEFT, bottom, WIDTH - RIGHT, bottom, 'axis'),
    ...ticks.flatMap((tick) => [
      line(scale(tick), bottom, scale(tick), bottom + 4, 'axis'),
      text(scale(tick), bottom + 18, tick === 0 ? '0' : shown(tick, unit), 'small', 'middle'),
    ]),
  ];
  rows.forEach((row, index) => {
    const y = top + index * ROW;
    const [low, high] = [clipped(row.low * factor, from, to), clipped(row.high * factor, from, to)];
    parts.push(
      text(16, y + 1, row.arm),
      text(16, y + 14, METHODS[row.method], 'small'),
      line(scale(low), y, scale(high), y, 'interval'),
      `<circle class="point" cx="${at(scale(clipped(row.difference * factor, from, to)))}" cy="${y}" r="5"/>`,
      text(WIDTH - RIGHT + 12, y + 4, shown(row.difference * factor, unit)),
    );
  });
  return parts;
}

function overTime(arm: string, series: readonly Seen[], top: number, factor: number, unit: string): string[] {
  const first = series[0]?.atMs ?? 0;
  const last = series.at(-1)?.atMs ?? first + 1;
  const x: Scale = (ms) => LEFT + ((ms - first) / Math.max(1, last - first)) * (WIDTH - LEFT - RIGHT);
  // The first looks know so little that they would flatten all that follows.
  const settled = series.slice(Math.floor(series.length / 4));
  const ends = settled.flatMap(({ low, high }) => [low * factor, high * factor]);
  const { from, to, ticks, scale } = scaleOf([...ends, 0], top + TIME_HEIGHT, top);
  const y: Scale = (value) => scale(clipped(value * factor, from, to));
  const upper = series.map(({ atMs, high }) => `${at(x(atMs))},${at(y(high))}`);
  const lower = series.map(({ atMs, low }) => `${at(x(atMs))},${at(y(low))}`).reverse();
  const middle = series.map(({ atMs, difference }) => `${at(x(atMs))},${at(y(difference))}`);
  return [
    text(16, top + 14, arm),
    text(16, top + 30, 'at any time, as it went', 'small'),
    `<polygon class="band" points="${[...upper, ...lower].join(' ')}"/>`,
    `<polyline class="line" points="${middle.join(' ')}"/>`,
    line(LEFT, scale(0), WIDTH - RIGHT, scale(0), 'zero'),
    ...ticks.map((tick) =>
      text(WIDTH - RIGHT + 12, scale(tick) + 4, tick === 0 ? '0' : shown(tick, unit), 'small'),
    ),
    text(LEFT, top + TIME_HEIGHT + 18, moment(first), 'small'),
    text(WIDTH - RIGHT, top + TIME_HEIGHT + 18, moment(last), 'small', 'end'),
  ];
}

interface Seen {
  readonly atMs: number;
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}

function seriesOf(looks: readonly PastLook[], arm: string): readonly Seen[] {
  return looks.flatMap(({ atMs, comparisons }) => {
    const found = comparisons.find((comparison) => comparison.arm === arm);
    return found === undefined ? [] : [{ ...found, atMs }];
  });
}

/** An interval that is no wider than a difference can be. */
function isBounded({ low, high }: Comparison): boolean {
  return Math.abs(low) < 1e6 && Math.abs(high) < 1e6;
}

/** Steps between the figures on an axis, times powers of ten. */
const STEPS = [1, 2, 5, 10] as const;
const TICKS_MAX = 5;

/** An axis between round figures, with zero among them where it is in range. */
function scaleOf(values: readonly number[], start: number, end: number) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const least = (high - low || 1) / TICKS_MAX;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * (STEPS.find((each) => each * power >= least) ?? 10);
  const [first, last] = [
    Math.floor(low / step),
    Math.max(Math.ceil(high / step), Math.floor(low / step) + 1),
  ];
  const [from, to] = [first * step, last * step];
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  const scale: Scale = (value) => start + ((value - from) / (to - from)) * (end - start);
  return { from, to, ticks, scale };
}

function clipped(value: number, from: number, to: number): number {
  return Math.min(to, Math.max(from, value));
}

function shown(value: number, unit: string): string {
  return `${value > 0 ? '+' : ''}${Number(value.toPrecision(3))}${unit}`;
}

function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line class="${kind}" x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}"/>`;
}

function text(x: number, y: number, words: string, kind = '', anchor = 'start'): string {
  return `<text x="${at(x)}" y="${at(y)}" class="${kind}" text-anchor="${anchor}">${escaped(words)}</text>`;
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Lines of a text that fit the width. */
function wrapped(words: string): readonly string[] {
  const lines: string[] = [];
  for (const word of words.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 118) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function escaped(words: string): string {
  return words
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
