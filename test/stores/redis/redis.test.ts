import { afterAll, beforeAll, describe } from 'vitest';
import { sharedStateContract } from '../../contracts/shared-state-contract.ts';
import { isMissing } from '../../support/debian-programs.ts';
import { RedisServer, whyNoRedis } from '../../support/redis-server.ts';
import { stageOn } from './redis-stage.ts';

const NO_REDIS = isMissing('shared state on a Redis server', whyNoRedis());

describe.skipIf(NO_REDIS)('on a real server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server.stop());
  sharedStateContract('one server', () => stageOn(server.target, () => server.ask('FLUSHALL')));
});
