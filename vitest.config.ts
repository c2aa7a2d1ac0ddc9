import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Processes that tests start find there what Node made of the sources for those before them: a third less to do. */
export const COMPILED = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)),
};
const exclude = ['test/**/*.full.test.ts'];
const limits = { testTimeout: 20_000, hookTimeout: 20_000 };

/** `npm test`: everything that needs no server and ends soon. Longer runs are `*.full.test.ts`. */
export default defineConfig({
  test: {
    // Two cores: more workers only fight for them.
    maxWorkers: 2,
    projects: [
      // Pure functions leave nothing behind that the next file could meet.
      { test: { ...limits, name: 'core', include: ['test/core/**/*.test.ts'], exclude, isolate: false } },
      {
        test: {
          ...limits,
          name: 'gateway',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, 'test/core/**'],
          env: COMPILED,
        },
      },
    ],
  },
});
