import { describe, expect, it } from 'vitest';
import { readLogLine } from '../../src/cli/gateway-log-line.ts';

const AT = '2026-11-28T10:00:00.000Z';
const SEAL = { level: 'info', time: AT, event: 'seal', number: 3, through_event: 39, digest: 'ab' };
const LOST = {
  level: 'info',
  time: AT,
  event: 'authorization',
  authorization_id: 'auth_Lost',
  merchant: 'acme-eu',
  reference: 'order-1',
  status: 'approved',
  attempts: [{ provider: 'psp-b', outcome: 'approved' }],
  amount: 4999,
  currency: 'EUR',
};
const WHOLE = 'approved: acme-eu order-1, 4999 EUR, approved at psp-b as att_Lost_1';
const { time: _time, ...UNTIMED } = LOST;
const json = (value: unknown) => JSON.stringify(value);
const lost = (changed: object) => json({ ...LOST, ...changed });

describe('reads what a gateway told', () => {
  it.each<[what: string, text: string, told: string]>([
    ['as it is', json(LOST), WHOLE],
    ['behind a label', `[pod/pointsman-7d9-x2/gateway] ${AT} ${json(LOST)}`, WHOLE],
    ['behind a label with a brace', `{app="pointsman"} ${json(LOST)}`, WHOLE],
    ['behind labels that are JSON', `{"app":"pointsman"} ${json(LOST)}`, WHOLE],
    ['as text in an object', json({ log: `${json(LOST)}\n`, stream: 'stdout' }), WHOLE],
    [
      'as text with what the runtime puts before it',
      json({ message: `${AT} stdout F ${json(LOST)}` }),
      WHOLE,
    ],
    ['as an object in an object', json({ stream: 'stdout', log: LOST }), WHOLE],
    ['under jsonPayload', json({ insertId: '1', jsonPayload: LOST }), WHOLE],
    ['its time moved to the wrapper', json({ timestamp: AT, jsonPayload: UNTIMED }), WHOLE],
    ['under message', json({ '@timestamp': AT, message: UNTIMED }), WHOLE],
    ['under event', json({ sourcetype: '_json', event: LOST }), WHOLE],
    ['wrapped twice', json({ _source: { message: json(LOST) } }), WHOLE],
    ['beside another text that names one', json({ message: 'event=seal', log: LOST }), WHOLE],
    ['in a file in UTF-16', [...json(LOST)].join('\0'), WHOLE],
    ['no attempt', lost({ attempts: null }), 'approved: acme-eu order-1, 4999 EUR'],
    [
      'an attempt that is none',
      lost({ attempts: [null] }),
      'approved: acme-eu order-1, 4999 EUR, ? at ? as att_Lost_1',
    ],
    [
      'values of other kinds',
      lost({ status: { toString: 1 }, reference: ['x'], amount: null, attempts: ['x', { outcome: null }] }),
      '?: acme-eu ?, null EUR, ? at ? as att_Lost_1, null at ? as att_Lost_2',
    ],
    [
      'a long value',
      lost({ reference: 'x'.repeat(101), attempts: [] }),
      `approved: acme-eu ${'x'.repeat(100)}…, 4999 EUR`,
    ],
  ])('%s', (_what, text, told) => {
    const line = { kind: 'authorization', id: 'auth_Lost', at: AT, told };
    expect(readLogLine(text)).toEqual({ line, unread: null });
  });

  it('a seal, and takes a time for one only if it is', () => {
    const line = { kind: 'seal', number: 3, throughEvent: 39, digest: 'ab', at: AT };
    expect(readLogLine(json(SEAL))).toEqual({ line, unread: null });
    expect(readLogLine(json({ ...SEAL, time: `2026-11-28 10:00Z (\u001b[2J)` })).line).toEqual(line);
    expect(readLogLine(json({ ...SEAL, time: 7 })).line).toEqual({ ...line, at: null });
  });

  it('both a line and that another broke off before it', () => {
    const { line, unread } = readLogLine(`${json(LOST).slice(0, 90)}${json(SEAL)}`);
    expect([line?.kind, unread]).toEqual(['seal', 'a line that breaks off before another one']);
  });
});

describe('tells what it cannot read', () => {
  it.each<[what: string, text: string, why: RegExp]>([
    ['a line that breaks off', json(LOST).slice(0, -1), /no whole JSON/],
    ['a label with many braces', `${'{a} '.repeat(20)}${json(LOST)}`, /no whole JSON/],
    ['no JSON', "{'event': 'authorization', 'authorization_id': 'auth_Lost'}", /no whole JSON/],
    ['names and values', 'level=info event=authorization authorization_id=auth_Lost', /no whole JSON/],
    ['JSON over several lines', '    "event": "authorization",', /no whole JSON/],
    ['a list of lines', json([LOST, SEAL]), /no whole JSON/],
    ['an id with U+0000', lost({ authorization_id: 'auth_\0' }), /authorization_id that no gateway/],
    ['half a character', lost({ authorization_id: 'auth_\ud800' }), /authorization_id that no gateway/],
    [
      'escape sequences',
      lost({ authorization_id: 'auth_x\u001b[2J\nok: fake' }),
      /authorization_id that no gateway/,
    ],
    ['an id of something else', lost({ authorization_id: 'user-7' }), /authorization_id that no gateway/],
    [
      'an id that is too long',
      lost({ authorization_id: `auth_${'x'.repeat(65)}` }),
      /authorization_id that no/,
    ],
    ['no id', json({ event: 'authorization', time: AT }), /authorization_id that no gateway/],
    ['no time', json(UNTIMED), /without a time/],
    ['a time that is none', lost({ time: 'noon' }), /without a time/],
    ['a bare seal', json({ event: 'seal' }), /a seal without/],
    ['a number that is none', json({ ...SEAL, number: 2 ** 60 }), /a seal without/],
    ['a number below 0', json({ ...SEAL, number: -1 }), /a seal without/],
    [
      'amid the text of another application',
      json({ message: `user agent: ${json(LOST)}` }),
      /amid other text in "message"/,
    ],
    ['an unknown wrapper', json({ request: { body: LOST } }), /where no gateway or known collector/],
    [
      'an unknown wrapper of text',
      json({ level: 'info', data: json(LOST) }),
      /where no gateway or known collector/,
    ],
    [
      'a name that a collector made flat',
      json({ 'log.event': 'authorization' }),
      /where no gateway or known/,
    ],
    [
      'many wrappers',
      `${'{"log":'.repeat(10_000)}${json(LOST)}${'}'.repeat(10_000)}`,
      /wrapped more than 8 times/,
    ],
  ])('%s', (_what, text, why) => {
    expect(readLogLine(text)).toEqual({ line: null, unread: expect.stringMatching(why) });
  });
});

describe('passes over', () => {
  it.each([
    ['text', 'npm start'],
    ['other words', 'the seal of an authorization, event by event'],
    ['noise', 'noise {'],
    ['an authorization that was refused before it was opened', lost({ authorization_id: null })],
    ['another line of a gateway', json({ level: 'info', time: AT, event: 'decision', reference: 'order-1' })],
    [
      'another line of a gateway with what a caller chose',
      json({ level: 'info', time: AT, event: 'decision', reference: `event=seal ${json(LOST)}` }),
    ],
    ['an event of a longer name', json({ event: 'authorization_begun', authorization_id: 'auth_Lost' })],
  ])('%s', (_what, text) => {
    expect(readLogLine(text)).toEqual({ line: null, unread: null });
  });
});
