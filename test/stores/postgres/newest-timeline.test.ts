import { expect, test } from 'vitest';
import { NewestTimeline } from '../../../src/stores/postgres/newest-timeline.ts';

const at = (number: number, system = 'one') => ({ system, number });

const CASES = [
  { what: 'nothing was met', met: [], asked: at(1), isPast: false },
  { what: 'the same', met: [at(2)], asked: at(2), isPast: false },
  { what: 'promoted since', met: [at(2)], asked: at(3), isPast: false },
  { what: 'left behind', met: [at(2)], asked: at(1), isPast: true },
  { what: 'left behind, and met again after', met: [at(2), at(1)], asked: at(1), isPast: true },
  { what: 'put back into a system of its own', met: [at(2)], asked: at(1, 'other'), isPast: false },
  { what: 'of the system before', met: [at(2), at(1, 'other')], asked: at(1), isPast: false },
] as const;

test.each(CASES)('a timeline, $what: past $isPast', ({ met, asked, isPast }) => {
  const timelines = new NewestTimeline();
  for (const each of met) timelines.meet(each);
  expect(timelines.isPast(asked)).toBe(isPast);
});
