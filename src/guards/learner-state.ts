import { createHash } from 'node:crypto';
import { z } from 'zod';
import { CELL_NAMES, type SavedApprovals } from '../core/scoring/approval-model.ts';
import type { SavedTally } from '../core/scoring/tally-table.ts';
import type { Clock } from '../gateway/ports.ts';

const FORMAT = 'pointsman-learner-1';
/** Bytes of a tally. */
const TALLY = 26;
/** Tallies that are written down at once; others get their turn between. */
const AT_ONCE = 5_000;
/** What was learned counts half as much for every week that nobody learned. */
const HALF_LIFE_MS = 7 * 24 * 60 * 60_000;

const headerSchema = z.strictObject({
  format: z.literal(FORMAT),
  cell_names: z.number(),
  saved_at_ms: z.number(),
  providers: z.array(z.string()),
  /** JSON of what else is kept; left out: nothing is. */
  beside: z.string().optional(),
  sha256: z.string(),
});

/** What is kept of a learner: across restarts, and for processes that begin. */
export interface Restorable {
  saved(): SavedApprovals;
  /** Whether it was taken: not when it says what cannot be. */
  restore(tally: SavedTally, providers: readonly string[], trust: number): boolean;
  /** What is kept beside the tallies, as plain values. Left out: nothing is. */
  savedBeside?(): object;
  /** @returns false for what it cannot read: then nothing is taken up at all */
  restoreBeside?(value: unknown, ageMs: number, trust: number): boolean;
}

/** What became of what was saved. */
export type Restored =
  | { readonly kind: 'nothing' }
  /** `refused`: how many further tallies say what cannot be, such as more approvals than outcomes. They are left out. */
  | {
      readonly kind: 'restored';
      readonly tallies: number;
      readonly refused: number;
      readonly ageMs: number;
    }
  /** Nothing of it is taken up. */
  | { readonly kind: 'refused'; readonly problem: string };

/**
 * Writes down what a learner knows now: copied at once, encoded in turns, so that others get theirs between. It holds no
 * card data: cells are hashes.
 */
export async function encodeLearner(learner: Restorable, clock: Clock): Promise<Buffer> {
  const { providers, tallies } = learner.saved();
  const beside = learner.savedBeside === undefined ? undefined : JSON.stringify(learner.savedBeside());
  const savedAtMs = clock.wallMs();
  const chunks: Buffer[] = [];
  const hash = createHash('sha256').update(beside ?? '');
  let chunk: SavedTally[] = [];
  const take = () => {
    const bytes = encoded(chunk);
    hash.update(bytes);
    chunks.push(bytes);
    chunk = [];
  };
  for (const tally of tallies) {
    chunk.push(tally);
    if (chunk.length < AT_ONCE) continue;
    take();
    await new Promise(setImmediate);
  }
  take();
  const header = {
    format: FORMAT,
    cell_names: CELL_NAMES,
    saved_at_ms: savedAtMs,
    providers,
    ...(beside !== undefined && { beside }),
    sha256: hash.digest('hex'),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...chunks]);
}

/** Takes up what {@link encodeLearner} wrote, if it is that. What was learned long ago counts less. */
export function restoreLearner(
  bytes: Buffer,
  learner: Restorable,
  clock: Clock,
): Exclude<Restored, { readonly kind: 'nothing' }> {
  const read = readHeader(bytes);
  if (typeof read === 'string') return { kind: 'refused', problem: read };
  const ageMs = Math.max(0, clock.wallMs() - read.savedAtMs);
  const trust = 2 ** (-ageMs / HALF_LIFE_MS);
  const isTaken = learner.restoreBeside?.(read.beside, ageMs, trust) ?? true;
  if (!isTaken) return { kind: 'refused', problem: 'what is kept beside the tallies is of another form' };
  const count = read.body.length / TALLY;
  let tallies = 0;
  for (let index = 0; index < count; index += 1) {
    const tally = tallyAt(read.body, index * TALLY);
    if (learner.restore(tally, read.providers, trust)) tallies += 1;
  }
  return { kind: 'restored', tallies, refused: count - tallies, ageMs };
}

interface Read {
  readonly savedAtMs: number;
  readonly providers: readonly string[];
  /** Null: nothing was kept beside. */
  readonly beside: unknown;
  readonly body: Buffer;
}

/** The parts of what was saved, or what is wrong with it. */
function readHeader(bytes: Buffer): Read | string {
  const end = bytes.indexOf(0x0a);
  if (end < 0) return 'the first line is not complete';
  let header: unknown;
  try {
    header = JSON.parse(bytes.subarray(0, end).toString('utf8'));
  } catch {
    return 'the first line is no JSON';
  }
  const parsed = headerSchema.safeParse(header);
  if (!parsed.success) return `the first line is not that of ${FORMAT}`;
  const body = bytes.subarray(end + 1);
  const { cell_names: cellNames, saved_at_ms: savedAtMs, providers, beside, sha256 } = parsed.data;
  if (cellNames !== CELL_NAMES) {
    return (
      `it names kinds of payments by edition ${cellNames}, this version by edition ${CELL_NAMES}: ` +
      'what was learned is dropped once, and learned anew'
    );
  }
  const found = createHash('sha256')
    .update(beside ?? '')
    .update(body);
  const isWhole = found.digest('hex') === sha256;
  if (!isWhole || body.length % TALLY !== 0) return 'the content is not what its checksum says';
  try {
    return { savedAtMs, providers, beside: beside === undefined ? null : JSON.parse(beside), body };
  } catch {
    // A checksum vouches for what was written, not for who wrote it.
    return 'what stands beside the tallies is no JSON';
  }
}

function encoded(tallies: readonly SavedTally[]): Buffer {
  const bytes = Buffer.alloc(tallies.length * TALLY);
  for (const [index, tally] of tallies.entries()) {
    const at = index * TALLY;
    bytes.writeUInt32LE(tally.low, at);
    bytes.writeUInt32LE(tally.high, at + 4);
    bytes.writeUInt16LE(tally.provider, at + 8);
    bytes.writeFloatLE(tally.approved, at + 10);
    bytes.writeFloatLE(tally.total, at + 14);
    bytes.writeUInt32LE(tally.at, at + 18);
    bytes.writeUInt32LE(tally.fastUntil, at + 22);
  }
  return bytes;
}

function tallyAt(bytes: Buffer, at: number): SavedTally {
  return {
    low: bytes.readUInt32LE(at),
    high: bytes.readUInt32LE(at + 4),
    provider: bytes.readUInt16LE(at + 8),
    approved: bytes.readFloatLE(at + 10),
    total: bytes.readFloatLE(at + 14),
    at: bytes.readUInt32LE(at + 18),
    fastUntil: bytes.readUInt32LE(at + 22),
  };
}
