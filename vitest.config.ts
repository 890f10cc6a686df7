import { defineConfig } from 'vitest/config';

/** Tests of whole programs: they start commands, servers, workers, browsers and stores, or render many clips, and take most of the time. */
const programs = ['tests/{cli,server,examples}/**/*.test.ts', 'tests/jobs/{queue,embedded-host,directions}*.test.ts'];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'unit', include: ['tests/**/*.test.ts'], exclude: programs } },
      { extends: true, test: { name: 'programs', include: programs } },
    ],
  },
});
