import type { Activities } from '../../src/activities/index.ts';

const base = { commit: 'c'.repeat(40), tree: 'b'.repeat(40), ref: 'refs/heads/main' };
const frozen = { digest: `sha256:${'d'.repeat(64)}`, createdAt: 1, filesFrozen: 0, toolsWhitelisted: [] };
const delivered = {
  kind: 'branch',
  branch: 'feat/x',
  commit: 'e'.repeat(40),
  tree: 'f'.repeat(40),
  verified: true,
} as const;

/** Every announcement of a run as `STATE/stage`, and the activities behind it. */
export interface StandIns {
  readonly announced: string[];
  readonly activities: Activities;
}

/**
 * Activities that do nothing and always succeed: the diagram alone is under test here, everything real is in test/e2e.
 * A test overrides what it is about.
 */
export function standInActivities(overrides: Partial<Activities> = {}): StandIns {
  const announced: string[] = [];
  const activities: Activities = {
    announce: async ({ state, stage }) => {
      announced.push(`${state}/${stage}`);
      return { eventId: null };
    },
    prepareSource: async () => base,
    synthesizeContract: async () => undefined,
    checkPreflight: async () => ({ missing: [], awaited: { inputs: [], answers: [] } }),
    freezeSnapshot: async () => frozen,
    runChunk: async () => ({ outcome: 'submitted', turns: 3, tree: delivered.tree }),
    verify: async () => ({ accepted: true, verified: true, summary: 'passing: true', evidence: null }),
    deliver: async () => delivered,
    holdSession: async () => undefined,
    checkStorage: async () => undefined,
    conclude: async () => undefined,
    cleanUp: async () => undefined,
    sendWebhook: async () => undefined,
    buryWebhook: async () => undefined,
    ...overrides,
  };
  return { announced, activities };
}
