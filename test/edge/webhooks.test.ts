import { describe, expect, it } from 'vitest';
import { createApp } from '../../src/edge/app.ts';
import type { KeepResult } from '../../src/gateway/notices.ts';
import { edgeFixture } from './edge-fixture.ts';

async function refusal(kept: KeepResult): Promise<Record<string, unknown>> {
  const { deps } = edgeFixture({ takeNotices: async () => kept });
  const response = await createApp(deps).request('/v1/webhooks/adyen-eu', { method: 'POST', body: '{}' });
  return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
}

describe('a webhook that is refused', () => {
  it.each([
    ['signature', /compare the provider's webhook secret/],
    ['stale', /send the event anew/],
    ['malformed', /no event that this provider sends, or has a form that is not known\.$/],
    ['not_configured', /add credentials: \{ webhook_secret: … \}/],
  ] as const)('for %s says what to do', async (reason, detail) => {
    expect(await refusal({ kind: 'refused', reason })).toMatchObject({
      status: 401,
      type: '/problems/webhook-refused',
      detail: expect.stringMatching(detail),
    });
  });

  it('says nothing of a signature that nobody could look at, and where the event is wrong', async () => {
    const { detail } = await refusal({ kind: 'refused', reason: 'malformed', member: 'live' });
    expect(detail).toMatch(/ Look at live\.$/);
    expect(detail).not.toMatch(/signature/i);
  });
});

it.each([
  ['POST', '/v1/webhooks/nope'],
  ['GET', '/v3'],
])('%s %s, where no key is asked for, speaks of none', async (method, path) => {
  const { deps } = edgeFixture({ takeNotices: async () => ({ kind: 'no_such_provider' }) });
  const response = await createApp(deps).request(path, { method });
  expect(response.status).toBe(404);
  expect(await response.text()).not.toMatch(/key/);
});
