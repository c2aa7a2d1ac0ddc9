import { simulate } from './simulation.ts';

/** `npm run simulate -- SEED [PAYMENTS]`: replays a seed, tells what broke, and ends with 1 when something did. `LIVE_ON=1` goes on after it. */
const [seedText = '1', paymentsText = '2000'] = process.argv.slice(2);
const seed = Number(seedText);
const payments = Number(paymentsText);
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(payments) || payments < 1) {
  console.error('usage: npm run simulate -- SEED [PAYMENTS]');
  process.exit(2);
}
const startedMs = performance.now();
const { work, broken } = await simulate(seed, payments, { livesOn: process.env['LIVE_ON'] === '1' });
const seconds = (performance.now() - startedMs) / 1_000;
console.log(`seed ${seed}, ${payments} payments, ${seconds.toFixed(1)} s: ${JSON.stringify(work)}`);
if (broken.length === 0) console.log('nothing broke: every promise held');
for (const words of broken.slice(0, 50)) console.log(`\nBROKEN: ${words}`);
process.exitCode = broken.length === 0 ? 0 : 1;
