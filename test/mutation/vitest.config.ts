import { defineConfig } from 'vitest/config';

/** The tests of the one file that is being mutated. */
export const TESTS_VARIABLE = 'MUTATION_TESTS';

export default defineConfig({
  test: {
    include: (process.env[TESTS_VARIABLE] ?? '').split(',').filter((path) => path !== ''),
    setupFiles: ['test/mutation/fixed-seed.ts'],
  },
});
