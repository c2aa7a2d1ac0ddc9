import { expect, it } from 'vitest';
import { simulate } from './simulation.ts';
import { missingWork } from './work-done.ts';

const SEED = Number(process.env['SEED'] ?? 1_000);
const PAYMENTS = Number(process.env['PAYMENTS'] ?? 100_000);

it(`every promise holds for ${PAYMENTS} payments (SEED=${SEED})`, async () => {
  const { work, broken } = await simulate(SEED, PAYMENTS);
  console.log(`seed ${SEED}, ${PAYMENTS} payments: ${JSON.stringify(work)}`);
  expect(broken.join('\n\n')).toBe('');
  expect(missingWork(work, PAYMENTS)).toEqual([]);
}, 1_800_000);
