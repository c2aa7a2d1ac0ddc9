import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';
import { COMPILED } from './vitest.config.ts';

/** `npm run test:full`: the long runs, and the property tests with more seeds than `npm test` takes. */
export default defineConfig({
  test: {
    include: ['test/**/*.full.test.ts', 'test/simulation/**/*.test.ts', 'test/**/*-model.test.ts'],
    globalSetup: 'test/support/full-setup.ts',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    env: COMPILED,
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
});
