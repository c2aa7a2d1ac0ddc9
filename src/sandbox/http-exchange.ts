import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './answer.ts';

/** Longest body that is read, bytes. */
const BODY_BYTES_MAX = 256 * 1024;

export type ReadBody =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly status: 400 | 413; readonly code: string; readonly message: string }
  /** The caller went away while sending: there is nobody to answer. */
  | { readonly kind: 'gone' };

/** Reads a JSON body; an empty one is `{}`. */
export function readJson(request: IncomingMessage): Promise<ReadBody> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // The rest is read and thrown away, so that the answer can still be delivered.
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    });
    request.on('error', () => resolve({ kind: 'gone' }));
    request.on('close', () => resolve({ kind: 'gone' }));
    request.on('end', () => {
      if (bytes > BODY_BYTES_MAX) {
        const message = `the body has ${bytes} bytes; at most ${BODY_BYTES_MAX} are read`;
        resolve({ kind: 'refused', status: 413, code: 'too_large', message });
        return;
      }
      resolve(parse(Buffer.concat(chunks).toString('utf8')));
    });
  });
}

function parse(text: string): ReadBody {
  if (text.trim() === '') return { kind: 'json', value: {} };
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch (error) {
    const message = `the body is not JSON: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: 'refused', status: 400, code: 'invalid_request', message };
  }
}

/** Sends an answer as it is, unless the caller is gone. */
export function sendAnswer(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  if (answer.status === 204) {
    response.writeHead(204).end();
    return;
  }
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(answer.body),
    ...answer.headers,
  });
  response.end(answer.body);
}
