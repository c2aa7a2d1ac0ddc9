import { expect, it } from 'vitest';
import { Lanes } from '../../src/guards/lanes.ts';
import { OutcomeLearner } from '../../src/guards/outcome-learner.ts';
import { ReportingAccounts } from '../../src/guards/reporting-accounts.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { sampleContract } from '../support/sample-ruleset.ts';

it('gives each account lanes, learning and a retry budget of its own, and the same ones each time', () => {
  const clock = new FakeClock();
  const lanes = new Lanes(new Map([['a', sampleContract('a')]]), { clock, onTransition: () => {} });
  const accounts = new ReportingAccounts(clock, lanes, new OutcomeLearner(clock));
  const lane = { provider: 'a', brand: 'visa', merchant: 'acme' } as const;
  const withdrawn = (account: string) => accounts.of(account).retryBudget.withdraw();
  // The floor of ten, and then a fifth of its own payments.
  expect(Array.from({ length: 11 }, () => withdrawn('one')).lastIndexOf(true)).toBe(9);
  expect(withdrawn('two')).toBe(true);
  for (let offer = 0; offer < 10; offer += 1) {
    accounts.of('one').offered({ lane, name: `offer ${offer}` });
    accounts.of('one').reported({ lane, name: `offer ${offer}` }, 'failure');
  }
  expect(accounts.of('one').view(lane).breaker).toBe('open');
  expect(accounts.of('two').view(lane).breaker).toBe('closed');
  lanes.close();
});
