import { refuseScript } from '../support/script-options.ts';
import { simulate } from './simulation.ts';

const SCRIPT = {
  name: 'simulate',
  usage: `Lets payments live through random faults, callers, crashes and clocks, and tells what broke.

usage: npm run simulate -- [SEED [PAYMENTS]]        (default 1 and 2000; LIVE_ON=1 goes on after what broke)

exit code  0  every promise held
           1  something broke
           2  wrong arguments`,
};
const words = process.argv.slice(2);
if (words.includes('--help') || words.includes('-h')) {
  console.log(SCRIPT.usage);
  process.exit(0);
}
const [seedText = '1', paymentsText = '2000'] = words;
const seed = Number(seedText);
const payments = Number(paymentsText);
if (words.length > 2) refuseScript(SCRIPT, `${words.length} words, where two at most are expected`);
if (!Number.isSafeInteger(seed)) refuseScript(SCRIPT, `SEED ${seedText}: expected a whole number`);
if (!Number.isSafeInteger(payments) || payments < 1) {
  refuseScript(SCRIPT, `PAYMENTS ${paymentsText}: expected a whole number from 1`);
}
const startedMs = performance.now();
const { work, broken } = await simulate(seed, payments, { livesOn: process.env['LIVE_ON'] === '1' });
const seconds = (performance.now() - startedMs) / 1_000;
console.log(`seed ${seed}, ${payments} payments, ${seconds.toFixed(1)} s: ${JSON.stringify(work)}`);
if (broken.length === 0) console.log('nothing broke: every promise held');
for (const what of broken.slice(0, 50)) console.log(`\nBROKEN: ${what}`);
process.exitCode = broken.length === 0 ? 0 : 1;
