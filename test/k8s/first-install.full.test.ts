import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/guards/system-clock.ts';
import { openPostgresJournal } from '../../src/stores/postgres/postgres-journal.ts';
import { runScript } from '../cli/run-script.ts';
import { concluded, T0 } from '../contracts/journal-fixtures.ts';
import { type PostgresServer, startPostgres } from '../stores/postgres/postgres-server.ts';
import { ROOT } from './alert-rules.ts';

/** The database of docs/kubernetes.md on a real server, by its own words, and what each login can do there. */

const page = readFileSync(join(ROOT, 'docs', 'kubernetes.md'), 'utf8');
let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

it('the logins of the first install make the schema, run and verify', async () => {
  const administrator = (await server.emptyDatabase()).replace(/[^/]*$/, 'postgres');
  const sql = /^```sql\n(.*?)^```$/ms.exec(page)?.[1] ?? '';
  const [before = '', after = ''] = sql.split('\\c pointsman\n');
  expect(after).toContain('GRANT');
  // CREATE DATABASE stands alone, as psql sends it.
  for (const statement of before.split(';\n').filter((text) => text.trim() !== '')) {
    await server.query(administrator, statement);
  }
  await server.query(administrator.replace(/[^/]*$/, 'pointsman'), after);
  const as = (user: string, password: string) =>
    administrator.replace(/\/\/[^@]*@/, `//${user}:${password}@`).replace(/[^/]*$/, 'pointsman');

  const deploy = as('pointsman_deploy', 'deploy-secret');
  const made = await runScript('migrate.ts', ['--roles'], { DATABASE_URL: deploy });
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(made.stdout).toMatch(/: migrations made: \d+\nthe roles have what they need\n$/);
  expect((await runScript('migrate.ts', ['--roles'], { DATABASE_URL: deploy })).stdout).toContain(
    'is up to date',
  );

  const pod = as('pointsman_pod', 'pod-secret');
  const journal = await openPostgresJournal({ url: pod, migrate: 'off', poolSize: 3, clock: systemClock });
  await concluded(journal, 'auth_first');
  await journal.seal(T0, 10);
  await journal.close();

  const report = as('pointsman_report', 'report-secret');
  const verified = await runScript('journal.ts', ['verify'], { DATABASE_URL: report });
  expect(verified).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^ok: 1 authorization, /),
  });
});

it('several processes on one machine have a database by the words of docs/redis.md', async () => {
  const own = await startPostgres();
  try {
    const administrator = (await own.emptyDatabase()).replace(/[^/]*$/, '');
    const redis = readFileSync(join(ROOT, 'docs', 'redis.md'), 'utf8');
    const lines = (/^```sh\n(psql .*?)^```$/ms.exec(redis)?.[1] ?? '').trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['psql', expect.any(String), 'psql']);
    for (const line of lines) {
      const [, database = ''] = /postgres:\/\/postgres:secret@127\.0\.0\.1:5432\/(\w+) /.exec(line) ?? [];
      expect(database).not.toBe('');
      const url = `${administrator}${database}`;
      const [, sql] = / -c "(.*)"$/.exec(line) ?? [];
      if (sql !== undefined) await own.query(url, sql);
      else {
        const [, args = ''] = / npm run migrate -- (.*)$/.exec(line) ?? [];
        expect(await runScript('migrate.ts', args.split(' '), { DATABASE_URL: url })).toMatchObject({
          code: 0,
        });
      }
    }
    const [, given = ''] = /DATABASE_URL=(postgres:\/\/pointsman_pod:\S+)/.exec(redis) ?? [];
    const url = given.replace(':5432', `:${own.port}`);
    const journal = await openPostgresJournal({ url, migrate: 'auto', poolSize: 3, clock: systemClock });
    await concluded(journal, 'auth_first');
    await journal.close();
  } finally {
    await own.stop();
  }
});

it('the rules that prod ships are checked by the command of the page', async () => {
  const command = /^(STRIPE_API_KEY=.*check-rules.*)$/m.exec(page)?.[1] ?? '';
  const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: ROOT });
  expect(stdout).toContain('ok');
});
