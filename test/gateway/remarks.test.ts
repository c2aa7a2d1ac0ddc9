import { expect, it } from 'vitest';
import { tellRemarks } from '../../src/gateway/remarks.ts';
import { SILENT } from '../support/road-deps.ts';
import { sampleAuthorization } from '../support/sample-authorization.ts';
import { SAMPLE_OUTCOMES } from '../support/sample-outcomes.ts';

it('a late approval is told of the provider that is undone, not of the one whose authorization stands', () => {
  const told: unknown[] = [];
  const authorization = sampleAuthorization([SAMPLE_OUTCOMES.declinedSoft, SAMPLE_OUTCOMES.approved]);
  expect(authorization.provider).toBe('sandbox-b');
  tellRemarks([{ remark: 'late_approval', attemptNumber: 1 }], authorization, {
    observer: {
      ...SILENT,
      remarked: ({ remark, provider }) => told.push([remark, provider]),
      alert: ({ kind, detail, authorizationId }) => told.push([kind, detail.split(':')[0], authorizationId]),
    },
  });
  expect(told).toEqual([
    ['late_approval', 'sandbox-a'],
    ['late_approval', 'sandbox-a', authorization.id],
  ]);
});

it.each([
  ['p9', 'says that p9 holds money beside what is recorded (p1); look p9 up at the provider'],
  ['p1', 'says that p1 holds money, which is recorded as undone; look p1 up at the provider'],
])('a contradiction names the authorization that stands, and what to do: %s', (standing, expected) => {
  const details: string[] = [];
  const authorization = sampleAuthorization([SAMPLE_OUTCOMES.approved]);
  tellRemarks([{ remark: 'evidence_conflict', attemptNumber: 1, standing }], authorization, {
    observer: { ...SILENT, alert: ({ detail }) => details.push(detail) },
  });
  expect(details).toEqual([`sandbox-a: ${expected}, and void or refund it there: the gateway does not`]);
});

it('a contradiction without an authorization that stands is told in general words', () => {
  const details: string[] = [];
  tellRemarks([{ remark: 'evidence_conflict', attemptNumber: 1 }], sampleAuthorization([]), {
    observer: { ...SILENT, alert: ({ detail }) => details.push(detail) },
  });
  expect(details).toEqual([
    'none: a provider contradicts what is recorded; the record stands, look at the history',
  ]);
});
