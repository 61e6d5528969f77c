import { defineConfig } from 'vitest/config'
import { Publisher } from './publish.ts'

/** The full sizes, each suite in a process of its own; the results go to `docs/reliability.json` and `docs/reliability.md`. */
export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/reliability/*.test.ts'],
    setupFiles: ['test/support/seed.ts'],
    env: { SNAP_RELIABILITY: 'full' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 7_200_000,
    hookTimeout: 120_000,
    disableConsoleIntercept: true,
    reporters: ['default', new Publisher()],
  },
})
