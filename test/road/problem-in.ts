import { expect } from 'vitest';
import type { Answer } from '../support/start-gateway.ts';

/** A problem document, as far as tests look into it. */
export interface ProblemView {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly trace_id: string;
  readonly sent?: boolean;
  readonly authorization_id?: string;
}

/** Where code stands: what no caller may ever see. */
const INSIDES = /\bat [^"]*\.[jt]s\b|node:internal|node_modules|\/src\/|\.ts:\d+|SQLITE|Error:/;

/** The problem of this name in an answer, complete and without anything of the inside. */
export function problemIn(answer: Answer, status: number, name: string): ProblemView {
  const found = answer.json as ProblemView;
  expect([answer.status, found?.type], answer.text).toEqual([status, `/problems/${name}`]);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(found).toMatchObject({
    status,
    title: expect.stringMatching(/^.{10,}$/),
    detail: expect.stringMatching(/^.{10,}\.$/),
    remedy: expect.stringMatching(/^.{10,}$/),
    instance: expect.stringMatching(/^urn:pointsman:trace:[0-9a-f]{32}$/),
    trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
  expect(answer.text).not.toMatch(INSIDES);
  return found;
}
