import { join } from 'node:path';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { journalContract } from '../../contracts/journal-contract.ts';
import { temporaryFolder } from './temporary-folder.ts';

journalContract('SQLite in process', async () => {
  const folder = temporaryFolder();
  return {
    open: async () => openInProcessJournal(join(folder.path, 'journal.sqlite')),
    dispose: async () => folder.remove(),
  };
});
