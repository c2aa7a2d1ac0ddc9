import { writeSync } from 'node:fs';
import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';
import {
  OUTCOMES,
  sampleConclusion,
  sampleFailOver,
  sampleOpening,
} from '../../contracts/journal-fixtures.ts';

const WRITERS = 32;

/**
 * A process that writes roads as fast as it can, and tells each acknowledged step on stdout, one `<step>
 * <id>` a line, until it is killed. Run by `journal-kill.test.ts`.
 */
async function writeUntilKilled(directory: string, round: string): Promise<void> {
  const journal = await openWorkerJournal({ directory });
  const tell = (step: string, id: string) => writeSync(1, `${step} ${id}\n`);
  const writeRoads = async (writer: number) => {
    for (let road = 0; ; road += 1) {
      const id = `auth_r${round}w${writer}n${road}`;
      const opening = sampleOpening(id);
      await journal.open(opening);
      tell('opened', id);
      if (road % 3 === 0) {
        await journal.advance(sampleFailOver(opening.authorization, OUTCOMES.notSent));
        tell('failed_over', id);
      } else if (road % 3 === 1) {
        await journal.advance(sampleConclusion(opening.authorization));
        tell('concluded', id);
      }
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeRoads(writer)));
}

await writeUntilKilled(process.argv[2] ?? '', process.argv[3] ?? '');
