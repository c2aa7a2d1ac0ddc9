import { doReadingTask, type ReadingPlace } from '../../src/config/reading-task.ts';

/** Reads where it is asked, and hands over what it came to as another thread would. */
export const READING_IN_LINE: ReadingPlace = {
  limits: { timeMs: 5_000, memoryMb: 192, waitingMax: 2 },
  run: async (task) => ({ kind: 'done', reply: structuredClone(doReadingTask(task)) as never }),
};
