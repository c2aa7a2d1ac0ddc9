import { createHash, hash } from 'node:crypto';

/** An event as it is stored. */
export interface HashedEvent {
  /** 1, 2, … within its authorization. */
  readonly number: number;
  readonly atMs: number;
  readonly actor: string;
  readonly kind: string;
  /** JSON. */
  readonly data: string;
  readonly answerStatus: number | null;
  readonly answerBody: string | null;
}

/**
 * The link of an authorization's history to what comes before it: SHA-256, hex, over the hash before, the
 * authorization's id and the whole event. The two long texts stand last, their lengths before them, so that no two
 * events have the same spelling.
 * @param previous hash of the event before; null for the first that has one
 */
export function eventHash(previous: string | null, authorizationId: string, event: HashedEvent): string {
  const head = `[${JSON.stringify(previous)},${eventHead(authorizationId, event)}`;
  return hash('sha256', `${head}\n${event.data}${event.answerBody ?? ''}`, 'hex');
}

/**
 * What the hash is made over, between the hash before and the line break before the two long texts: for who learns the
 * hash before only where the event is written.
 */
export function eventHead(authorizationId: string, event: HashedEvent): string {
  const { number, atMs, actor, kind, data, answerStatus, answerBody } = event;
  const bodyLength = answerBody === null ? null : answerBody.length;
  const head = [authorizationId, number, atMs, actor, kind, data.length, answerStatus, bodyLength];
  return JSON.stringify(head).slice(1);
}

/** An event as a seal sees it. */
export interface SealedEvent {
  readonly sequence: number;
  readonly hash: string;
}

/** Digest of a seal: SHA-256, hex, over the seal before (null for the first) and the events since, in their order. */
export function sealDigest(previous: string | null, events: Iterable<SealedEvent>): string {
  const seal = new SealHash(previous);
  for (const event of events) seal.add(event);
  return seal.digest();
}

/** The digest of a seal, event by event: what it covers need not fit into memory. */
export class SealHash {
  readonly #hash = createHash('sha256');

  /** @param previous digest of the seal before; null for the first */
  constructor(previous: string | null) {
    this.#hash.update(previous ?? '');
  }

  add({ sequence, hash: text }: SealedEvent): void {
    this.#hash.update(`\n${sequence} ${text}`);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
