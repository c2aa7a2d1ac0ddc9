import { expect, it } from 'vitest';
import { accessLog, refusedLog } from '../../src/telemetry/refused-log.ts';
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

it('tells who was turned away from what once a minute, and forgets what is old', async () => {
  const clock = new FakeClock();
  const lines: unknown[] = [];
  const told = accessLog({ warn: (event, fields) => lines.push([event, fields]) }, clock);
  const override = { route: '/v1/providers/{id}/override', method: 'PUT', traceId: 'trace-1' };
  for (let time = 0; time < 3; time += 1) told({ ...override, account: 'shop', status: 403 });
  told({ ...override, account: null, status: 401 });
  expect(lines).toEqual([
    [
      'access_refused',
      { account: 'shop', method: 'PUT', route: override.route, status: 403, times: 1, trace_id: 'trace-1' },
    ],
    [
      'access_refused',
      { account: null, method: 'PUT', route: override.route, status: 401, times: 1, trace_id: 'trace-1' },
    ],
  ]);
  await clock.advance(60_000);
  told({ ...override, account: 'shop', status: 403 });
  expect(lines.slice(2)).toMatchObject([['access_refused', { account: 'shop', times: 3 }]]);
  // However many there are, a minute has so many lines and no more.
  for (let name = 0; name < 5_000; name += 1) told({ ...override, account: `a-${name}`, status: 403 });
  expect(lines).toHaveLength(1_002);
  await clock.advance(60_000);
  told({ ...override, account: 'a-4999', status: 403 });
  expect(lines).toHaveLength(1_003);
});
