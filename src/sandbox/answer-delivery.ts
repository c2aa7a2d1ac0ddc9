import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Answer } from './answer.ts';
import type { Strike } from './faults.ts';
import { sendAnswer } from './http-exchange.ts';
import type { WireAmount } from './ledger.ts';
import type { AnswerChange } from './psp-account.ts';
import type { SandboxClock } from './sandbox-clock.ts';

/** Body of the fault `garbage`: what a proxy in the way might say. */
const GARBAGE = '<!doctype html><html><body><h1>Service is being upgraded</h1></body></html>';

/** Of the fault `wrong_length`: how many bytes are promised that never come. */
const OVERSTATED_BYTES = 16;

/** Of the fault `gzip_bomb`: how much blank space comes before the answer, mebibytes. */
const BOMB_MEBIBYTES = 64;

/**
 * The answer after much blank space, so that whoever reads all of it reads the truth. A gzip stream may have many
 * members: the blank one is compressed once and repeated, which takes less than 100 kilobytes and
 * no time.
 */
function gzipBomb(body: string): Buffer {
  const blank = gzipSync(Buffer.alloc(2 ** 20, ' '), { level: 9 });
  return Buffer.concat([...Array.from({ length: BOMB_MEBIBYTES }, () => blank), gzipSync(body)]);
}

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
    case 'wrong_length':
      return overstate(response, answer);
    case 'gzip_bomb':
      return sendBomb(response, answer);
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

/** The whole body under a length that is greater, then the end of the connection. */
function overstate(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': bytes.length + OVERSTATED_BYTES,
    ...answer.headers,
  });
  response.write(bytes, () => response.socket?.destroySoon());
}

function sendBomb(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const bytes = gzipBomb(answer.body);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    'content-length': bytes.length,
  });
  response.end(bytes);
}

/** What a fault makes of the provider's own answer; kept under the key, so that replays repeat it. */
export function answerChange(strike: Strike | null): AnswerChange | undefined {
  switch (strike?.kind) {
    case 'error':
      return () => failure(strike, {});
    case 'wrong_amount':
      return (answer) => edited(answer, inflate);
    case 'wrong_currency':
      return (answer) => edited(answer, exchange);
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
  if (answer.status >= 300) return answer;
  const fields = JSON.parse(answer.body) as Fields;
  edit(fields);
  return { ...answer, body: JSON.stringify(fields) };
}

/** Every amount with a currency: that of the answer and those of the operations within it. */
function editAmounts(fields: Fields, edit: (amount: WireAmount) => WireAmount): void {
  const operations = (fields['operations'] ?? []) as Fields[];
  for (const part of [fields, ...operations]) {
    if (part['amount'] !== undefined) part['amount'] = edit(part['amount'] as WireAmount);
  }
}

/** One unit more than the truth in every amount. */
function inflate(fields: Fields): void {
  editAmounts(fields, (amount) => ({ ...amount, value: amount.value + 1 }));
  if (typeof fields['authorized_amount'] === 'number' && fields['authorized_amount'] > 0) {
    fields['authorized_amount'] += 1;
  }
}

/** Another currency than the true one in every amount. */
function exchange(fields: Fields): void {
  editAmounts(fields, (amount) => ({ ...amount, currency: amount.currency === 'USD' ? 'EUR' : 'USD' }));
}

/** The name of another authorization. */
function rename(fields: Fields): void {
  const isOperation = 'authorization_id' in fields;
  for (const name of isOperation ? ['authorization_id', 'authorization_reference'] : ['reference']) {
    fields[name] = `${String(fields[name])}-of-another`;
  }
}
