import { parentPort, workerData } from 'node:worker_threads';
import { loadBinTable } from '../config/default-bin-table.ts';
import { TableCardFacts } from '../core/cards/card-facts.ts';
import type { ReplayEnd, ReplayTask, RuleFinding } from '../gateway/replays.ts';
import { recordedFrom } from '../stores/recorded-text.ts';
import { ReplayRun, readReplayedRules } from './replay-run.ts';

export interface ReplayWorkerData {
  readonly task: ReplayTask;
  /** As `BIN_TABLES`. */
  readonly binTables: readonly string[];
}

/** To the worker: a page of recorded authorizations, or null for the end. */
export type ReplayRequest = string | null;

/** From the worker before it has started: the file of the rules that it looks into, and that they are good. */
export type ReplayCheck = { readonly kind: 'checking'; readonly file: string } | { readonly kind: 'checked' };

/** From the worker: one for the start, then one for each request. */
export type ReplayReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly findings: readonly RuleFinding[] }
  | { readonly kind: 'added' }
  | { readonly kind: 'ended'; readonly end: ReplayEnd };

/** The thread of one replay. What it cannot do it dies of, and whoever began it is told. */
async function serve({ task: { files, seed, learner }, binTables }: ReplayWorkerData): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('replay-worker.ts runs as a worker thread only');
  const reply = (message: ReplayReply) => port.postMessage(message);
  const tell = (message: ReplayCheck) => port.postMessage(message);
  const reading = readReplayedRules(files, (file) => tell({ kind: 'checking', file }));
  tell({ kind: 'checked' });
  if (reading.kind === 'refused') {
    reply({ kind: 'refused', findings: reading.errors });
    return;
  }
  const { ruleset } = reading;
  const cards = new TableCardFacts(await loadBinTable(binTables));
  const run = new ReplayRun({ ruleset, cards, seed, learner });
  port.on('message', (request: ReplayRequest) => {
    if (request === null) {
      reply({ kind: 'ended', end: run.end() });
      port.close();
      return;
    }
    for (const authorization of recordedFrom(request)) run.add(authorization);
    reply({ kind: 'added' });
  });
  reply({ kind: 'ready' });
}

await serve(workerData as ReplayWorkerData);
