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
