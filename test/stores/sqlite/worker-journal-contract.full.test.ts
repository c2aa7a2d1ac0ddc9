import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';
import { journalContract } from '../../contracts/journal-contract.ts';
import { temporaryFolder } from './temporary-folder.ts';

journalContract('SQLite in a worker thread', async () => {
  const own = temporaryFolder();
  return {
    open: () => openWorkerJournal({ directory: own.path }),
    dispose: async () => own.remove(),
  };
});
