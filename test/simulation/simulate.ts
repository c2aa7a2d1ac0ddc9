import { simulate } from './simulation.ts';

/** `npm run simulate -- SEED [PAYMENTS]`: replays a seed, tells what broke, and ends with 1 when something did. */
const [seedText = '1', paymentsText = '2000'] = process.argv.slice(2);
const seed = Number(seedText);
const payments = Number(paymentsText);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(payments) || payments < 1) {
  console.error('usage: npm run simulate -- SEED [PAYMENTS]');
  process.exit(2);
}
const startedMs = performance.now();
const { work, broken } = await simulate(seed, payments);
const seconds = (performance.now() - startedMs) / 1_000;
console.log(`seed ${seed}, ${payments} payments, ${seconds.toFixed(1)} s: ${JSON.stringify(work)}`);
for (const words of broken.slice(0, 5)) console.log(`\nBROKEN: ${words}`);
if (broken.length > 5) console.log(`\nand ${broken.length - 5} more`);
process.exitCode = broken.length === 0 ? 0 : 1;
