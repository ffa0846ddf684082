import { defineConfig } from 'vitest/config';

const common = { pool: 'forks', testTimeout: 30_000, hookTimeout: 60_000 } as const;

/** Real servers and real kills, after the fast ones; two files at once, for most of their time is waiting. */
const endToEnd = {
  ...common,
  maxWorkers: 2,
  sequence: { groupOrder: 1 },
  testTimeout: 120_000,
  hookTimeout: 120_000,
} as const;

/** What `npm test` leaves to `npm run test:slow`, so that it stays within five minutes. */
const slow = [
  'test/slow/**/*.test.ts',
  'test/**/*-kill.test.ts',
  'test/activities/damage.test.ts',
  'test/activities/execution-runner.test.ts',
  'test/activities/lfs.test.ts',
  'test/activities/limits.test.ts',
  'test/activities/sub-agents.test.ts',
  'test/activities/submodules.test.ts',
  'test/activities/verifier.test.ts',
  'test/agent/compaction.test.ts',
  'test/agent/model-trouble.test.ts',
  'test/git/attacks.test.ts',
  'test/git/fetch.test.ts',
  'test/git/mirrors.test.ts',
  'test/git/submodules.test.ts',
  'test/sandbox/limits.test.ts',
  'test/supervisor.test.ts',
  'test/temporal/*-server.test.ts',
];

/** Against a real forge, where there is one. */
const forge = ['test/forge/**/*.test.ts', 'test/**/gitea-*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          maxWorkers: '100%', // vitest leaves one core idle unless told otherwise.
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', ...slow, ...forge, 'node_modules/**'],
        },
      },
      {
        test: { ...endToEnd, name: 'e2e', include: ['test/e2e/**/*.test.ts'] },
      },
      {
        test: { ...endToEnd, name: 'slow', include: slow },
      },
      {
        test: { ...endToEnd, name: 'forge', include: forge, globalSetup: 'test/forge/start-gitea.ts' },
      },
    ],
  },
});
