import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isProblem, type Problem, problem } from './problems.ts';

/** Bytes of a body that we read, at most. */
export const BODY_BYTES_MAX = 65_536;

const TOO_LARGE = problem('body-too-large', `The body is larger than ${BODY_BYTES_MAX} bytes.`, {
  // What is left of the body is not read, so the connection cannot be used again.
  headers: { Connection: 'close' },
});

/** Refuses by the declared length, before anything is read. */
export function declaredTooLarge(contentLength: string | null): Problem | null {
  return contentLength !== null && Number(contentLength) > BODY_BYTES_MAX ? TOO_LARGE : null;
}

/**
 * Reads a body and counts while reading, so that a body without a declared length cannot grow past the bound.
 * @param incoming the Node message behind the request; undefined when the app is called without a socket
 * @returns the text, or why it was refused
 */
export async function readBody(
  incoming: IncomingMessage | undefined,
  request: Request,
): Promise<string | Problem> {
  const bytes = incoming === undefined ? await readStream(request.body) : await readIncoming(incoming);
  if (isProblem(bytes)) return bytes;
  if (!isUtf8(bytes)) return problem('malformed-json', 'The body is not valid UTF-8.');
  return bytes.toString('utf8');
}

function readIncoming(incoming: IncomingMessage): Promise<Buffer | Problem> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const settle = (result: Buffer | Problem) => {
      incoming.off('data', onData).off('end', onEnd).off('error', onCut).off('close', onCut);
      resolve(result);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > BODY_BYTES_MAX) settle(TOO_LARGE);
      else chunks.push(chunk);
    };
    const onEnd = () => {
      const [first] = chunks;
      settle(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length));
    };
    // The connection ended within the body, or the time limit cut it: nobody reads this answer, but nothing may hang.
    const onCut = () => settle(problem('request-timeout', 'The body did not arrive whole.'));
    incoming.on('data', onData).on('end', onEnd).on('error', onCut).on('close', onCut);
    if (incoming.destroyed && !incoming.complete) onCut();
  });
}

async function readStream(stream: ReadableStream<Uint8Array> | null): Promise<Buffer | Problem> {
  if (stream === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) return TOO_LARGE;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
