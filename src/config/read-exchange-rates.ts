import type { RuleProblem } from '../core/rules/rule-problem.ts';
import type { ExchangeRates, RateEdition } from '../core/scoring/exchange-rates.ts';
import { isCalendarDay } from './calendar-day.ts';
import type { RawRateEdition } from './ruleset-schemas.ts';

/**
 * Turns rates that have the file's shape into editions by time, and adds what is wrong to `problems`.
 * @param raw null in the place of one that has not
 */
export function readExchangeRates(
  raw: readonly (RawRateEdition | null)[],
  problems: RuleProblem[],
): ExchangeRates {
  const editions = new Map<number, RateEdition>();
  for (const [index, edition] of raw.entries()) {
    if (edition === null) continue;
    const { date, base, per_unit: perUnit } = edition;
    const fromMs = Date.parse(`${date}T00:00:00Z`);
    if (!isCalendarDay(date)) {
      problems.push({
        path: ['rates', index, 'date'],
        what: `${date} is no day`,
        expected: 'a day of the calendar, such as 2026-11-23',
        remedy: 'correct it',
      });
      continue;
    }
    if (editions.has(fromMs)) {
      problems.push({
        path: ['rates', index, 'date'],
        what: `the rates of ${date} for a second time`,
        expected: 'each day once',
        remedy: 'keep one of the two',
      });
      continue;
    }
    if (Object.hasOwn(perUnit, base)) {
      problems.push({
        path: ['rates', index, 'per_unit', base],
        atKey: true,
        what: `a rate of ${base} to itself`,
        expected: 'rates of other currencies than the base',
        remedy: 'remove it',
      });
    }
    editions.set(fromMs, { fromMs, base, perUnit: new Map(Object.entries(perUnit)) });
  }
  return [...editions.values()].toSorted((left, right) => left.fromMs - right.fromMs);
}
