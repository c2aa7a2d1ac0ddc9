import { expect, it } from 'vitest';
import { intendedBy, operationDeadline } from '../../src/gateway/answer-time.ts';

it.each([
  ['shorter than half of it', 2_000, 8_000],
  ['half of it', 4_000, 8_000],
  ['longer', 4_001, 8_001],
  ['the longest', 60_000, 64_000],
])(
  'a capture has the time of an authorization, and its provider its whole time after the intent: %s',
  (_, timeoutMs, deadlineMs) => {
    const command = { receivedAtMs: 100 };
    expect(intendedBy(command)).toBe(100 + 4_000);
    expect(operationDeadline(command, timeoutMs)).toBe(100 + deadlineMs);
    expect(operationDeadline(command, timeoutMs) - intendedBy(command)).toBeGreaterThanOrEqual(timeoutMs);
  },
);
