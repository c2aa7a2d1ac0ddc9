import { sign } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Notice, NoticeSubject } from '../../../src/gateway/ports.ts';
import { sampleRequest } from '../../support/sample-request.ts';
import { type MadeCertificate, makeCertificate } from './certificate-maker.ts';
import { networkError, ORDER_ID, paypalWorld } from './paypal-fixture.ts';
import { withChecksum } from './same-checksum.ts';
import { ATTEMPT, AUTHORIZATION, CAPTURE, DISPUTE, ORDER, REFUND } from './sample-events.ts';

const WEBHOOK_ID = '4JH86294D6297924G';
const SETTINGS = { settings: { webhook_id: WEBHOOK_ID } };
const CERT_PATH = '/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77';
const CERT_URL = `https://api.paypal.com${CERT_PATH}`;
const NAME = 'messageverificationcerts.paypal.com';
const AT = '2026-11-23T10:00:00Z';

const root = makeCertificate('Some Root');
const signer = makeCertificate(NAME, { issuer: root });
const CHAIN = signer.pem + root.pem;
const served = (pem: string) => ({ [`GET ${CERT_PATH}`]: () => new Response(pem) });

const bodyOf = (type: string, resource: unknown, over: Record<string, unknown> = {}) =>
  JSON.stringify({ id: 'WH-58D329510W468432D-8HN650336L201105X', event_type: type, resource, ...over });

interface Signing {
  readonly by?: MadeCertificate;
  readonly id?: string;
  readonly webhookId?: string;
  readonly time?: string;
  readonly signedBody?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

const messageOf = (body: string, how: Signing = {}) => {
  const { by = signer, webhookId = WEBHOOK_ID, time = AT, signedBody = body } = how;
  // Each message is a transmission of its own.
  const id = how.id ?? `69cd13f0-d67a-11e5-baa3-${crc32(body).toString(16).padStart(12, '0')}`;
  const text = `${id}|${time}|${webhookId}|${crc32(signedBody)}`;
  const headers: Record<string, string | undefined> = {
    'paypal-transmission-id': id,
    'paypal-transmission-time': time,
    'paypal-transmission-sig': sign('RSA-SHA256', Buffer.from(text), by.privateKey).toString('base64'),
    'paypal-cert-url': CERT_URL,
    'paypal-auth-algo': 'SHA256withRSA',
    ...how.headers,
  };
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { headers: Object.fromEntries(given), body };
};

const BODY = bodyOf('PAYMENT.AUTHORIZATION.CREATED', AUTHORIZATION);
const REFUSED = { kind: 'refused', reason: 'signature' };

const world = paypalWorld();

describe('signatures', () => {
  it('a message that PayPal signed is taken apart, without a token or a call of ours that costs', async () => {
    const provider = world.start(served(CHAIN), SETTINGS);
    expect(await provider.readNotices(messageOf(BODY))).toMatchObject({
      kind: 'read',
      notices: [
        {
          // What is signed, and not the event's own id.
          eventId: messageOf(BODY).headers['paypal-transmission-id'],
          type: 'PAYMENT.AUTHORIZATION.CREATED',
          attemptId: ATTEMPT,
          providerReference: ORDER_ID,
        },
      ],
    });
    expect(world.tokens()).toEqual([]);
    expect(world.seen()).toMatchObject([
      { method: 'GET', path: CERT_PATH, headers: { host: 'api.paypal.com' } },
    ]);
    expect(world.seen()[0]?.headers).not.toHaveProperty('authorization');
  });

  it('keeps the certificate for the next message', async () => {
    const provider = world.start(served(CHAIN), SETTINGS);
    const together = await Promise.all(
      Array.from({ length: 5 }, () => provider.readNotices(messageOf(BODY))),
    );
    expect(together.every(({ kind }) => kind === 'read')).toBe(true);
    expect(await provider.readNotices(messageOf(BODY))).toMatchObject({ kind: 'read' });
    expect(world.seen()).toHaveLength(1);
  });

  it('of a transmission one body is taken, and another one with its checksum refused', async () => {
    const provider = world.start(served(CHAIN), SETTINGS);
    const message = messageOf(BODY);
    expect(await provider.readNotices(message)).toMatchObject({ kind: 'read' });
    const other = bodyOf('PAYMENT.AUTHORIZATION.VOIDED', AUTHORIZATION, { id: 'WH-2', more: '@' });
    const [before = '', after = ''] = other.split('@');
    const forged = withChecksum(before, after, crc32(BODY));
    expect(await provider.readNotices({ ...message, body: forged })).toEqual(REFUSED);
    expect(await provider.readNotices(message), 'sent again').toMatchObject({ kind: 'read' });
  });

  it('what a message says of money is a hint to ask, and of a dispute unproven', async () => {
    const provider = world.start(served(CHAIN), SETTINGS);
    const reading = await provider.readNotices(messageOf(BODY));
    const [notice] = reading.kind === 'read' ? reading.notices : [];
    const subject: NoticeSubject = {
      attemptId: ATTEMPT,
      request: sampleRequest(),
      brand: 'visa',
      scaRegion: false,
      providerReference: ORDER_ID,
      operations: [],
      operationReferences: [],
    };
    const evidenceIn = (type: string, data: unknown) => provider.evidenceIn({ type, data }, subject);
    expect(evidenceIn('PAYMENT.AUTHORIZATION.CREATED', notice?.data)).toEqual({
      kind: 'hint',
      operationId: null,
    });
    const resource = { dispute_id: 'PP-D-12345', disputed_transactions: [{ custom: ATTEMPT }] };
    expect(evidenceIn('CUSTOMER.DISPUTE.CREATED', { about: 'dispute', resource })).toMatchObject({
      kind: 'dispute',
      dispute: { disputeId: 'PP-D-12345', unproven: true },
    });
  });

  it('any of several webhook ids will do', async () => {
    const provider = world.start(served(CHAIN), {
      settings: { webhook_id: `1AB23456CD789012E, ${WEBHOOK_ID}` },
    });
    expect(await provider.readNotices(messageOf(BODY))).toMatchObject({ kind: 'read' });
    expect(await provider.readNotices(messageOf(BODY, { webhookId: '1AB23456CD789012E' }))).toMatchObject({
      kind: 'read',
    });
    expect(await provider.readNotices(messageOf(BODY, { webhookId: '9ZZ23456CD789012E' }))).toEqual(REFUSED);
  });

  it('without a webhook id nothing is taken', async () => {
    const provider = world.start(served(CHAIN));
    expect(await provider.readNotices(messageOf(BODY))).toEqual({
      kind: 'refused',
      reason: 'not_configured',
    });
    expect(world.seen()).toEqual([]);
  });

  const header = (name: string, value: string | undefined): Signing => ({ headers: { [name]: value } });
  const good = messageOf(BODY).headers;
  const signature = good['paypal-transmission-sig'] ?? '';
  it.each<[string, Signing]>([
    ['one changed byte', { signedBody: BODY.replace('49.99', '49.98') }],
    ["somebody else's key", { by: makeCertificate(NAME) }],
    ["somebody else's webhook", { webhookId: '9ZZ23456CD789012E' }],
    ['no signature', header('paypal-transmission-sig', undefined)],
    ['a signature of another length', header('paypal-transmission-sig', signature.slice(0, 340))],
    ['two signatures', header('paypal-transmission-sig', `${signature}, ${signature}`)],
    ['no base64', header('paypal-transmission-sig', `${'!'.repeat(344)}`)],
    ['no id', header('paypal-transmission-id', undefined)],
    ['another id', header('paypal-transmission-id', 'aaaaaaaa-d67a-11e5-baa3-778b53f4ae55')],
    ['two ids', header('paypal-transmission-id', 'a, b')],
    ['no time', header('paypal-transmission-time', undefined)],
    ['another time', header('paypal-transmission-time', '2026-11-23T10:00:01Z')],
    ['no time that is one', header('paypal-transmission-time', 'today')],
    ['no algorithm', header('paypal-auth-algo', undefined)],
    ['another algorithm', header('paypal-auth-algo', 'SHA1withRSA')],
    ['no certificate', header('paypal-cert-url', undefined)],
  ])('%s', async (_, how) => {
    const provider = world.start(served(CHAIN), SETTINGS);
    expect(await provider.readNotices(messageOf(BODY, how))).toEqual(REFUSED);
  });

  it.each([
    'https://evil.example.com/v1/notifications/certs/CERT-1',
    'https://api.paypal.com.evil.example.com/v1/notifications/certs/CERT-1',
    'https://evil.example.com#https://api.paypal.com/v1/notifications/certs/CERT-1',
    'https://api.paypal.com@evil.example.com/v1/notifications/certs/CERT-1',
    'https://user@api.paypal.com/v1/notifications/certs/CERT-1',
    'http://api.paypal.com/v1/notifications/certs/CERT-1',
    'https://api.paypal.com:8443/v1/notifications/certs/CERT-1',
    'https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1',
    'https://api.paypal.com/v1/notifications/certs/../webhooks',
    'https://api.paypal.com/v1/notifications/certs/a/b',
    'https://api.paypal.com/v1/notifications/certs/',
    'https://api.paypal.com/v1/notifications/certs/CERT-1?x=1',
    'https://api.paypal.com/v1/notifications/certs/%2e%2e',
    'https://api.paypal.com/v2/checkout/orders/1',
    'no address',
  ])('a certificate at %s is never asked for', async (address) => {
    const provider = world.start(served(CHAIN), SETTINGS);
    const message = messageOf(BODY, { headers: { 'paypal-cert-url': address } });
    expect(await provider.readNotices(message)).toEqual(REFUSED);
    expect(world.seen()).toEqual([]);
  });

  it('the host of the base URL itself is as good as its sibling', async () => {
    const provider = world.start(served(CHAIN), SETTINGS);
    const message = messageOf(BODY, {
      headers: { 'paypal-cert-url': `https://api-m.paypal.com${CERT_PATH}` },
    });
    expect(await provider.readNotices(message)).toMatchObject({ kind: 'read' });
    expect(world.seen()).toMatchObject([{ headers: { host: 'api-m.paypal.com' } }]);
  });

  const HOUR_MS = 3_600_000;
  it.each([
    ['an hour and three days old', 73 * HOUR_MS, 'read'],
    ['older', 73 * HOUR_MS + 1, 'refused'],
    ['five minutes ahead', -300_000, 'read'],
    ['further ahead', -300_001, 'refused'],
  ])('a transmission that is %s', async (_, ageMs, kind) => {
    const provider = world.start(served(CHAIN), SETTINGS);
    const time = new Date(world.clock().wallMs() - ageMs).toISOString();
    const reading = await provider.readNotices(messageOf(BODY, { time }));
    expect(reading).toMatchObject(kind === 'read' ? { kind } : { kind, reason: 'stale' });
    expect(world.seen()).toHaveLength(kind === 'read' ? 1 : 0);
  });
});

describe('certificates', () => {
  const middle = makeCertificate('Some Intermediate', { issuer: root });
  const ofMiddle = makeCertificate(NAME, { issuer: middle });
  const read = async (pem: string, by: MadeCertificate) =>
    world.start(served(pem), SETTINGS).readNotices(messageOf(BODY, { by }));

  it.each<[string, string, MadeCertificate]>([
    ['alone', signer.pem, signer],
    ['with its issuers', ofMiddle.pem + middle.pem + root.pem, ofMiddle],
    ['of the sandbox', '', makeCertificate('messageverificationcerts.sandbox.paypal.com')],
  ])('are taken %s', async (_, pem, by) => {
    expect(await read(pem === '' ? by.pem : pem, by)).toMatchObject({ kind: 'read' });
  });

  const evil = makeCertificate('evil.example.com');
  const ahead = makeCertificate(NAME, { from: '300101000000Z' });
  const over = makeCertificate(NAME, { until: '261122000000Z' });
  const ofOver = makeCertificate(NAME, { issuer: makeCertificate('Old Root', { until: '261122000000Z' }) });
  const weak = makeCertificate(NAME, { bits: 1_024 });
  it.each<[string, string, MadeCertificate, string]>([
    ['another name', evil.pem, evil, 'certificate_not_accepted'],
    [
      'a name that only looks like it',
      makeCertificate(`${NAME}.evil.example.com`).pem,
      evil,
      'certificate_not_accepted',
    ],
    ['an issuer that did not issue it', signer.pem + middle.pem, signer, 'certificate_not_accepted'],
    [
      "an issuer's name without its key",
      signer.pem + makeCertificate('Some Root').pem,
      signer,
      'certificate_not_accepted',
    ],
    ['a short key', weak.pem, weak, 'certificate_not_accepted'],
    ['another kind of key', makeCertificate(NAME, { kind: 'ec' }).pem, signer, 'certificate_not_accepted'],
    ['no certificate', '<html>', signer, 'certificate_not_accepted'],
    ['a broken one', signer.pem.replace('MII', 'AAA'), signer, 'certificate_not_accepted'],
    ['one that is not valid yet', ahead.pem, ahead, 'certificate_not_valid_now'],
    ['one that is not valid any more', over.pem, over, 'certificate_not_valid_now'],
  ])('with %s verify nothing, and the message is to be sent again', async (_, pem, by, code) => {
    expect(await read(pem, by)).toEqual({ kind: 'unverifiable', code });
  });

  it('are valid for as long as all that come with them', async () => {
    const oldRoot = makeCertificate('Old Root', { until: '261122000000Z' });
    const issued = makeCertificate(NAME, { issuer: oldRoot });
    expect(await read(issued.pem + oldRoot.pem, issued)).toMatchObject({ code: 'certificate_not_valid_now' });
    expect(await read(ofOver.pem, ofOver)).toMatchObject({ kind: 'read' });
  });

  it('that run out while they are kept are not used any more', async () => {
    const short = makeCertificate(NAME, { until: '261123100100Z' });
    const provider = world.start(served(short.pem), SETTINGS);
    expect(await provider.readNotices(messageOf(BODY, { by: short }))).toMatchObject({ kind: 'read' });
    world.clock().jumpWall(60_001);
    expect(await provider.readNotices(messageOf(BODY, { by: short }))).toMatchObject({
      kind: 'unverifiable',
    });
  });

  it.each<[string, Response | (() => Response), string | RegExp]>([
    ['404', new Response('', { status: 404 }), 'certificate_http_404'],
    ['503', new Response('', { status: 503 }), 'certificate_http_503'],
    ['a lost connection', networkError, /./],
  ])('that cannot be had leave the message to be sent again: %s', async (_, answer, code) => {
    const provider = world.start({ [`GET ${CERT_PATH}`]: answer }, SETTINGS);
    expect(await provider.readNotices(messageOf(BODY))).toEqual({
      kind: 'unverifiable',
      code: typeof code === 'string' ? code : expect.stringMatching(code),
    });
    expect(await provider.readNotices(messageOf(BODY))).toMatchObject({ kind: 'unverifiable' });
    // Who does not know an address is not asked again at once; any other failure is not kept.
    expect(world.seen()).toHaveLength(code === 'certificate_http_404' ? 1 : 2);
  });

  it('are asked for ten times a minute at most, whoever names them, and known ones still serve', async () => {
    const provider = world.start(served(CHAIN), SETTINGS);
    expect(await provider.readNotices(messageOf(BODY))).toMatchObject({ kind: 'read' });
    const named = (number: number) =>
      provider.readNotices(
        messageOf(BODY, {
          headers: { 'paypal-cert-url': `https://api.paypal.com/v1/notifications/certs/X-${number}` },
        }),
      );
    const readings = await Promise.all(Array.from({ length: 30 }, (_, number) => named(number)));
    expect(
      readings.filter((each) => 'code' in each && each.code === 'certificate_requests_limited'),
    ).toHaveLength(21);
    expect(world.seen()).toHaveLength(10);
    expect(await provider.readNotices(messageOf(BODY))).toMatchObject({ kind: 'read' });
    await world.clock().advance(60_000);
    expect(await named(99)).toEqual({ kind: 'unverifiable', code: 'certificate_http_599' });
  });

  it('that are not there are not asked for again at once, and do not use up what others need', async () => {
    const provider = world.start(
      { ...served(CHAIN), 'GET /v1/notifications/certs/junk': () => new Response('', { status: 404 }) },
      SETTINGS,
    );
    const url = 'https://api.paypal.com/v1/notifications/certs/junk';
    for (let time = 0; time < 12; time += 1) {
      const reading = await provider.readNotices(messageOf(BODY, { headers: { 'paypal-cert-url': url } }));
      expect(reading).toEqual({ kind: 'unverifiable', code: 'certificate_http_404' });
    }
    expect(world.seen()).toHaveLength(1);
    expect(await provider.readNotices(messageOf(BODY))).toMatchObject({ kind: 'read' });
  });

  it('are kept in a small number', async () => {
    const paths = Array.from({ length: 9 }, (_, number) => `/v1/notifications/certs/C-${number}`);
    const provider = world.start(
      Object.fromEntries(paths.map((path) => [`GET ${path}`, () => new Response(CHAIN)])),
      SETTINGS,
    );
    const at = (path: string) =>
      provider.readNotices(
        messageOf(BODY, { headers: { 'paypal-cert-url': `https://api.paypal.com${path}` } }),
      );
    for (const path of paths) expect(await at(path)).toMatchObject({ kind: 'read' });
    await at(paths[8] ?? '');
    expect(world.seen()).toHaveLength(9);
    await at(paths[0] ?? '');
    expect(world.seen()).toHaveLength(10);
  });
});

describe('what is kept of an event', () => {
  const notice = async (type: string, resource: unknown, over: Record<string, unknown> = {}) => {
    const provider = world.start(served(CHAIN), SETTINGS);
    return provider.readNotices(messageOf(bodyOf(type, resource, over)));
  };

  it.each<[string, object, Partial<Notice>]>([
    ['PAYMENT.AUTHORIZATION.VOIDED', AUTHORIZATION, { attemptId: ATTEMPT, providerReference: ORDER_ID }],
    [
      'PAYMENT.CAPTURE.COMPLETED',
      CAPTURE,
      { attemptId: ATTEMPT, operationId: 'cap_bcdfghjk_2', providerReference: ORDER_ID },
    ],
    ['PAYMENT.CAPTURE.REFUNDED', REFUND, { attemptId: ATTEMPT, operationId: 'ref_bcdfghjk_3' }],
    [
      'PAYMENT.REFUND.FAILED',
      { ...REFUND, custom_id: null },
      { attemptId: null, operationId: 'ref_bcdfghjk_3' },
    ],
    ['CHECKOUT.ORDER.COMPLETED', ORDER, { attemptId: ATTEMPT, providerReference: ORDER_ID }],
    [
      'CUSTOMER.DISPUTE.CREATED',
      DISPUTE,
      { attemptId: ATTEMPT, operationId: 'cap_bcdfghjk_2', providerReference: '3C679366HH908993F' },
    ],
    [
      'CUSTOMER.DISPUTE.CREATED',
      { ...DISPUTE, disputed_transactions: [{ seller_transaction_id: '3C679366HH908993F' }] },
      { attemptId: null, operationId: null, providerReference: '3C679366HH908993F' },
    ],
    [
      'CUSTOMER.DISPUTE.CREATED',
      { ...DISPUTE, disputed_transactions: ['3C', '4D'].map((id) => ({ seller_transaction_id: id })) },
      { attemptId: null, operationId: null, providerReference: null },
    ],
    ['CUSTOMER.DISPUTE.CREATED', { ...DISPUTE, disputed_transactions: [] }, { providerReference: null }],
    [
      'PAYMENT.CAPTURE.REVERSED',
      { ...REFUND, supplementary_data: { related_ids: { capture_id: '3C679366HH908993F' } } },
      { providerReference: '3C679366HH908993F' },
    ],
    [
      'PAYMENT.AUTHORIZATION.CREATED',
      { ...AUTHORIZATION, custom_id: 'order 7', supplementary_data: undefined },
      { attemptId: null, providerReference: null },
    ],
  ])('%s names its attempt', async (type, resource, names) => {
    expect(await notice(type, resource)).toMatchObject({ kind: 'read', notices: [{ type, ...names }] });
  });

  it('is what evidence needs: no person, no message, nothing of the card', async () => {
    const payment_source = { card: { last_digits: '0007', name: 'A. Buyer' } };
    const payer = { email_address: 'buyer@example.com' };
    for (const [type, resource] of [
      ['CUSTOMER.DISPUTE.CREATED', DISPUTE],
      ['CHECKOUT.ORDER.COMPLETED', { ...ORDER, payment_source, payer }],
    ] as const) {
      const reading = JSON.stringify(await notice(type, resource));
      expect(reading).toContain(ATTEMPT);
      expect(reading).not.toMatch(/Buyer|where is it|0007|example\.com/);
    }
  });

  it.each([
    ['of another kind', 'BILLING.SUBSCRIPTION.CREATED', { id: 'I-1' }, { kind: 'read', notices: [] }],
    [
      'without what it is about',
      'PAYMENT.CAPTURE.COMPLETED',
      { id: 'x' },
      { kind: 'refused', reason: 'malformed' },
    ],
  ])('an event %s', async (_, type, resource, told) => {
    expect(await notice(type, resource)).toEqual(told);
  });

  it('with the number of a card for a name is kept without it, and is about nothing of ours', async () => {
    const capture = { ...CAPTURE, invoice_id: '4111111111111111' };
    const reading = await notice('PAYMENT.CAPTURE.COMPLETED', capture);
    expect(JSON.stringify(reading)).not.toContain('4111');
    expect(reading).toMatchObject({ kind: 'read', notices: [{ operationId: null }] });
  });

  it('a body that is no event', async () => {
    const provider = world.start(served(CHAIN), SETTINGS);
    for (const body of ['', 'x', '[]', '{"id":"WH-1"}']) {
      expect(await provider.readNotices(messageOf(body))).toMatchObject({
        kind: 'refused',
        reason: 'malformed',
      });
    }
  });
});
