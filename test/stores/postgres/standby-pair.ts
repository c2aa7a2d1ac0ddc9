import { eventually } from '../../support/eventually.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import type { PostgresServer } from './postgres-server.ts';
import { atHosts, type PostgresStandby, startStandby, waitForCopies } from './postgres-standby.ts';

/** A copy of the primary, a line between them that can be cut, and a database that is at both. */
export class StandbyPair implements AsyncDisposable {
  readonly primary: PostgresServer;
  readonly standby: PostgresStandby;
  readonly line: CuttingProxy;
  readonly url: string;

  private constructor(primary: PostgresServer, standby: PostgresStandby, line: CuttingProxy, url: string) {
    this.primary = primary;
    this.standby = standby;
    this.line = line;
    this.url = url;
  }

  static async start(primary: PostgresServer): Promise<StandbyPair> {
    const url = await primary.database();
    const line = await CuttingProxy.open(primary.port);
    return new StandbyPair(primary, await startStandby(primary, { follows: line.port }), line, url);
  }

  /** `DATABASE_URL` with both, the copy first. */
  get both(): string {
    return atHosts(this.url, [this.standby.port, this.primary.port]);
  }

  /** Resolves when the copy has everything that is committed now. */
  async caughtUp(): Promise<void> {
    await eventually('the copy has everything', async () => {
      const [row] = await this.primary.query(
        this.url,
        `SELECT replay_lsn >= pg_current_wal_lsn() AS has FROM pg_stat_replication WHERE state = 'streaming'`,
      );
      return row?.['has'] === true ? true : null;
    });
  }

  async failOver(): Promise<void> {
    await this.primary.kill();
    await this.standby.promote();
  }

  /** Leaves the primary as it was without a copy. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.standby[Symbol.asyncDispose]();
    await this.line.close();
    await this.primary.kill();
    await this.primary.start();
    await waitForCopies(this.primary, '');
  }
}
