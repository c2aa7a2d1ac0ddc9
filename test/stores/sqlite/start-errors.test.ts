import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openInProcessJournal } from '../../../src/stores/sqlite/in-process-journal.ts';
import { openDatabase } from '../../../src/stores/sqlite/sqlite-database.ts';
import { openWorkerJournal } from '../../../src/stores/sqlite/worker-journal.ts';
import { concluded, opened, sampleConclusion, sampleOpening } from '../../contracts/journal-fixtures.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

/** What a start makes of files that are not as it left them: it says what, where and how to mend it. */

const PAGE = 4096;
let made: TemporaryFolder;
let own: TemporaryFolder;
let folder = '';
let path = '';

beforeAll(async () => {
  made = temporaryFolder();
  const journal = openInProcessJournal(join(made.path, 'journal.sqlite'));
  for (let index = 0; index < 40; index += 1) await concluded(journal, `auth_n${index}`);
  await journal.close();
});
afterAll(() => made.remove());
beforeEach(() => {
  own = temporaryFolder();
  folder = join(own.path, 'data');
  mkdirSync(folder);
  path = join(folder, 'journal.sqlite');
  copyFileSync(join(made.path, 'journal.sqlite'), path);
});
afterEach(() => own.remove());

/** Everything in the folder, byte for byte. */
function contents(): Readonly<Record<string, string>> {
  if (!existsSync(folder)) return {};
  const entries = readdirSync(folder, { withFileTypes: true });
  return Object.fromEntries(
    entries.map((entry) => [
      entry.name,
      entry.isFile() ? readFileSync(join(folder, entry.name), 'base64') : 'a folder',
    ]),
  );
}

function overwrite(at: number, bytes: Buffer): void {
  const file = readFileSync(path);
  bytes.copy(file, at);
  writeFileSync(path, file);
}

const noise = (length: number) => Buffer.from(Array.from({ length }, (_, index) => (index * 73 + 41) % 251));

/** A second connection that writes and is not closed: what it wrote stays in the log. */
async function leaveLog(): Promise<void> {
  const other = join(own.path, 'other');
  mkdirSync(other);
  copyFileSync(path, join(other, 'journal.sqlite'));
  const journal = openInProcessJournal(join(other, 'journal.sqlite'));
  await opened(journal, 'auth_in_log');
  copyFileSync(join(other, 'journal.sqlite-wal'), `${path}-wal`);
  copyFileSync(join(other, 'journal.sqlite'), path);
  await journal.close();
}

const CASES: readonly (readonly [what: string, damage: () => void | Promise<void>, says: RegExp])[] = [
  [
    'truncated to half',
    () => truncateSync(path, 10 * PAGE),
    /journal\.sqlite: is damaged .* verify .*backup/,
  ],
  ['truncated to its first page', () => truncateSync(path, PAGE), /journal\.sqlite: is damaged/],
  ['cut off within its last page', () => truncateSync(path, readFileSync(path).length - 1_000), /damaged/],
  ['shorter than its header', () => truncateSync(path, 60), /journal\.sqlite: is /],
  ['noise in a page', () => overwrite(9 * PAGE, noise(PAGE)), /journal\.sqlite: is damaged/],
  ['noise in the first page', () => overwrite(100, noise(PAGE - 100)), /journal\.sqlite: is damaged/],
  ['noise instead of its header', () => overwrite(0, noise(100)), /is no SQLite database.*backup/],
  [
    'empty',
    () => truncateSync(path, 0),
    /journal\.sqlite: is empty, which a journal never is.*backup.*delete it/,
  ],
  [
    'missing, with its log there',
    async () => {
      await leaveLog();
      renameSync(path, join(own.path, 'moved.sqlite'));
    },
    /is not there, but .*journal\.sqlite-wal is.*Put both back/,
  ],
  [
    'damaged, with a log of a killed process beside it',
    async () => {
      await leaveLog();
      overwrite(9 * PAGE, noise(PAGE));
    },
    /journal\.sqlite: is damaged/,
  ],
  [
    'a database of something else',
    () => {
      rmSync(path);
      const other = new DatabaseSync(path);
      other.exec('CREATE TABLE todo (text TEXT)');
      other.close();
    },
    /is a SQLite database, but no journal: name another folder/,
  ],
  [
    'a folder instead of the file',
    () => {
      rmSync(path);
      mkdirSync(path);
    },
    /journal\.sqlite: is a folder: move it/,
  ],
  [
    'a file instead of the folder',
    () => {
      rmSync(folder, { recursive: true });
      writeFileSync(folder, 'x');
    },
    /a file stands where the folder .*data should be: move it, or name another folder with DATA_DIR/,
  ],
];

test('a file above the folder is named as what is in the way', async () => {
  writeFileSync(join(own.path, 'file'), 'x');
  const directory = join(own.path, 'file', 'data');
  const says =
    /a file stands where the folder .*data should be: move it, or name another folder with DATA_DIR/;
  await expect(openWorkerJournal({ directory })).rejects.toThrow(says);
});

describe.each(CASES)('a journal that is %s', (what, damage, says) => {
  test('is refused in words, and left as it is', async () => {
    await damage();
    const isFile = what.startsWith('a file');
    const before = isFile ? readFileSync(folder, 'utf8') : contents();
    expect(() => openDatabase({ path })).toThrow(says);
    await expect(openWorkerJournal({ directory: folder })).rejects.toThrow(says);
    expect(isFile ? readFileSync(folder, 'utf8') : contents()).toEqual(before);
  });
});

describe('what is no damage', () => {
  test('a log that a killed process left is taken up', async () => {
    await leaveLog();
    const journal = openInProcessJournal(path);
    expect(await journal.findAuthorization('auth_in_log')).not.toBeNull();
    expect(await journal.findAuthorization('auth_n39')).not.toBeNull();
    await journal.close();
    expect(readdirSync(folder)).toEqual(['journal.sqlite']);
  });

  test('a folder that holds nothing, and a first start that was cut off before its tables were there', async () => {
    rmSync(path);
    const empty = new DatabaseSync(path);
    empty.exec('PRAGMA journal_mode = WAL');
    empty.close();
    expect(readFileSync(path)).toHaveLength(PAGE);
    const journal = openInProcessJournal(path);
    await journal.advance(sampleConclusion(await opened(journal, 'auth_one')));
    expect(await journal.open(sampleOpening('auth_two'))).toEqual({ kind: 'opened' });
    await journal.close();
  });

  test('folders that are missing are made, those above it too, for nobody else to look into', async () => {
    const deep = join(own.path, 'a', 'b', 'data');
    await (await openWorkerJournal({ directory: deep })).close();
    for (const made of [join(own.path, 'a'), join(own.path, 'a', 'b'), deep]) {
      expect(statSync(made).mode & 0o777, made).toBe(0o700);
    }
    expect(readdirSync(deep)).toEqual(['journal.sqlite']);
  });
});

const SCRIPT = fileURLToPath(new URL('./open-journal.ts', import.meta.url));
/** Nobody, by the number that it has nearly everywhere. */
const NOBODY = 65_534;

// The administrator may write everywhere: only as somebody else can a folder be closed to the process.
describe.skipIf(process.getuid === undefined)('a folder that may not be written', () => {
  /** Opens the journal in a process that is not the administrator's, and returns what it said. */
  async function openAsOther(): Promise<string> {
    const isRoot = process.getuid?.() === 0;
    const child = spawn(process.execPath, [SCRIPT, folder], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    await once(child, 'close');
    return said;
  }

  beforeEach(() => {
    chmodSync(own.path, 0o755);
  });

  test.each([
    [
      'the folder',
      () => chmodSync(folder, 0o555),
      /the folder .*data cannot be written \(EACCES\): let the user/,
    ],
    [
      'the file',
      () => {
        chmodSync(path, 0o444);
        chmodSync(folder, 0o777);
      },
      /journal\.sqlite: the file cannot be written \(EACCES\): let the user/,
    ],
    [
      'where the folder is to be made',
      () => {
        rmSync(folder, { recursive: true });
        chmodSync(own.path, 0o555);
      },
      /the folder .*data cannot be made \(EACCES\): make it, .*DATA_DIR/,
    ],
  ] as const)('%s', async (_what, close, says) => {
    close();
    const before = contents();
    expect(await openAsOther()).toMatch(says);
    expect(contents()).toEqual(before);
    chmodSync(own.path, 0o755);
  });
});

test('damage in a large database is left to verify', () => {
  const large = mkdtempSync(join(tmpdir(), 'pointsman-large-'));
  const file = join(large, 'journal.sqlite');
  const database = openDatabase({ path: file });
  database.exec(`INSERT INTO rulesets (content_hash, files, registered_at_ms)
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70)
    SELECT 'h' || i, hex(zeroblob(500000)), 1 FROM n`);
  database.close();
  const bytes = readFileSync(file);
  expect(bytes.length).toBeGreaterThan(64 * 1_048_576);
  noise(PAGE).copy(bytes, 10_000 * PAGE);
  writeFileSync(file, bytes);
  openDatabase({ path: file }).close();
  rmSync(large, { recursive: true });
});
