import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';
import { journalContract } from '../../contracts/journal-contract.ts';

function folder(): { readonly path: string; readonly dispose: () => Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), 'pointsman-journal-'));
  return { path, dispose: async () => rmSync(path, { recursive: true }) };
}

journalContract('SQLite in a worker thread', async () => {
  const { path, dispose } = folder();
  return { open: () => openWorkerJournal({ directory: path }), dispose };
});

journalContract('SQLite in process', async () => {
  const { path, dispose } = folder();
  return { open: async () => openInProcessJournal(join(path, 'journal.sqlite')), dispose };
});
