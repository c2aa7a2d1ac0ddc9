import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';

/** Opens the journal of a folder and says how that went. Run by `start-errors.test.ts`, as another user. */
async function openJournal(directory: string): Promise<void> {
  try {
    await (await openWorkerJournal({ directory })).close();
    console.log('opened');
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
  }
}

await openJournal(process.argv[2] ?? '');
