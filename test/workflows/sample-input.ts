import type { SessionInput } from '../../src/workflows/input.ts';

/** The input of an automatic session without webhooks; a test names only what it is about. */
export function sampleInput(changes: Partial<SessionInput> = {}): SessionInput {
  return {
    v: 1,
    sessionId: 'ses_test',
    auto: true,
    onMissing: 'ask',
    preflightTimeoutMs: 60_000,
    limits: { maxSteps: 10, maxIterations: 2 },
    webhook: null,
    patience: { tries: 3, backoffMs: 10 },
    maxHistoryEvents: 4000,
    ...changes,
  };
}
