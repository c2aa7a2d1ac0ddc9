import { defineConfig } from 'vitest/config';

/** `npm test`: everything that needs no server and ends soon. Longer runs are `*.full.test.ts`. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.full.test.ts'],
    // Two cores: more workers only fight for them.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
