import { expect, it } from 'vitest';
import { refusedLog } from '../../src/telemetry/refused-log.ts';
import { FakeClock } from '../support/fake-clock.ts';

it('tells each kind of what was refused once a minute, with how often it came', async () => {
  const clock = new FakeClock();
  const lines: unknown[] = [];
  const told = refusedLog({ warn: (event, fields) => lines.push([event, fields]) }, clock);
  for (let time = 0; time < 500; time += 1) told('votes', 'unsigned');
  told('votes', 'type');
  expect(lines).toMatchObject([
    ['shared_state_refused', { key: 'votes', reason: 'unsigned', times: 1 }],
    ['shared_state_refused', { key: 'votes', reason: 'type', times: 1 }],
  ]);
  await clock.advance(60_000);
  told('votes', 'unsigned');
  expect(lines.slice(2)).toMatchObject([
    ['shared_state_refused', { key: 'votes', reason: 'unsigned', times: 500 }],
  ]);
});
