import type { ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';
import type { Strike } from './faults.ts';
import { sendAnswer } from './http-exchange.ts';
import type { AnswerChange } from './psp-account.ts';
import type { SandboxClock } from './sandbox-clock.ts';

/** Body of the fault `garbage`: what a proxy in the way might say. */
const GARBAGE = '<!doctype html><html><body><h1>Service is being upgraded</h1></body></html>';

/** Ends the connection with a TCP reset. */
export function reset(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
}

/**
 * Delivers an answer, or what a fault leaves of it. Faults that are no matter of delivery are passed over.
 */
export async function deliver(
  response: ServerResponse,
  answer: Answer,
  strike: Strike | null,
  clock: SandboxClock,
): Promise<void> {
  switch (strike?.kind) {
    case 'reset_after':
      return reset(response);
    case 'hang':
      // The connection stays open until the caller gives up.
      return;
    case 'late':
      await clock.pause(strike.delay_ms);
      return sendAnswer(response, answer);
    case 'slow_drip':
      return drip(response, answer, strike.delay_ms, clock);
    case 'truncated':
      return truncate(response, answer);
    case 'garbage':
      return sendAnswer(response, { status: 200, body: GARBAGE, headers: { 'content-type': 'text/html' } });
    default:
      return sendAnswer(response, answer);
  }
}

/**
 * The first bytes at once, the last after `overMs`; one byte at a time when that leaves a millisecond for
 * each.
 */
async function drip(
  response: ServerResponse,
  answer: Answer,
  overMs: number,
  clock: SandboxClock,
): Promise<void> {
  const bytes = Buffer.from(answer.body);
  const steps = Math.max(1, Math.min(bytes.length, Math.floor(overMs)));
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...answer.headers,
  });
  let sent = 0;
  for (let step = 1; step <= steps; step += 1) {
    if (response.destroyed) return;
    const upTo = Math.round((bytes.length * step) / steps);
    response.write(bytes.subarray(sent, upTo));
    sent = upTo;
    if (step < steps) await clock.pause(overMs / (steps - 1));
  }
  response.end();
}

/** Half of the body under the length of the whole, then the end of the connection. */
function truncate(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...answer.headers,
  });
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.destroySoon());
}

/** What a fault makes of the provider's own answer; kept under the key, so that replays repeat it. */
export function answerChange(strike: Strike | null): AnswerChange | undefined {
  switch (strike?.kind) {
    case 'error':
      return () => failure(strike, {});
    case 'wrong_amount':
      return (answer) => edited(answer, inflate);
    case 'wrong_reference':
      return (answer) => edited(answer, rename);
    default:
      return undefined;
  }
}

/** The answer of the fault `error`. */
export function failure(strike: Strike, headers: Readonly<Record<string, string>>): Answer {
  const code = strike.status === 403 ? 'forbidden' : strike.status === 404 ? 'not_found' : 'provider_error';
  const body = JSON.stringify({ error: { code, message: 'the sandbox was asked to fail' } });
  return { status: strike.status, body, headers };
}

type Fields = Record<string, unknown>;

function edited(answer: Answer, edit: (fields: Fields) => void): Answer {
  if (answer.status !== 200) return answer;
  const fields = JSON.parse(answer.body) as Fields;
  edit(fields);
  return { ...answer, body: JSON.stringify(fields) };
}

/** One unit more than the truth in every amount. */
function inflate(fields: Fields): void {
  const amount = fields['amount'] as { value: number; currency: string };
  fields['amount'] = { ...amount, value: amount.value + 1 };
  if (typeof fields['authorized_amount'] === 'number' && fields['authorized_amount'] > 0) {
    fields['authorized_amount'] += 1;
  }
}

/** The name of another authorization. */
function rename(fields: Fields): void {
  const name = 'reference' in fields ? 'reference' : 'authorization_id';
  fields[name] = `${String(fields[name])}-of-another`;
}
