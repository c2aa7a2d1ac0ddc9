import { describe, expect, it } from 'vitest';
import { traceContextOf } from '../../src/edge/trace-context.ts';
import { systemRandomness } from '../../src/guards/system-randomness.ts';

const randomness = systemRandomness(() => Date.UTC(2026, 10, 23));
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

describe('traceContextOf', () => {
  it('goes on with the trace of the caller, with a parent of our own', () => {
    const { traceId, traceparent } = traceContextOf(`00-${TRACE}-${PARENT}-01`, randomness);
    expect(traceId).toBe(TRACE);
    expect(traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    expect(traceparent).not.toContain(PARENT);
  });

  it('reads a later version by the fields that it knows', () => {
    expect(traceContextOf(`cc-${TRACE}-${PARENT}-01-what`, randomness).traceId).toBe(TRACE);
  });

  const unusable: [name: string, header: string | null][] = [
    ['none', null],
    ['empty', ''],
    ['zero trace', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['zero parent', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['version ff', `ff-${TRACE}-${PARENT}-01`],
    ['version 00 with more', `00-${TRACE}-${PARENT}-01-more`],
    ['upper case', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ['short', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['two headers', `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`],
    ['a card number and letters', `00-4111111111111111${'a'.repeat(16)}-${PARENT}-01`],
    ['a card number and digits', `00-4111111111111111${'0'.repeat(16)}-${PARENT}-01`],
  ];
  it.each(unusable)('begins a trace for: %s', (_, header) => {
    const { traceId, traceparent } = traceContextOf(header, randomness);
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(traceId).not.toBe(TRACE);
    expect(traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`));
    expect(traceparent).not.toContain('4111111111111111');
  });

  it('makes ids without long runs of digits, and never twice', () => {
    const ids = Array.from({ length: 5_000 }, () => traceContextOf(null, randomness).traceparent);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).not.toMatch(/\d{12}/);
  });
});
