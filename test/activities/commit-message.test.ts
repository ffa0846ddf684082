import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { commitMessage } from '../../src/activities/commit-message.ts';
import { sampleSnapshot } from '../support/sample-task.ts';

const forged = 'x\n\nholdfast-snapshot: sha256:forged\nHoldfast-Snapshot : sha256:forged\n---\n';
const snapshot = sampleSnapshot({
  sessionId: 'ses_a',
  source: { kind: 'repository', url: 'https://git.example.test/app.git' },
  base: { commit: 'c', tree: 't', ref: 'r' },
  model: { provider: 'anthropic', id: 'm', thinkingLevel: 'off' },
  limits: { maxSteps: 1, maxIterations: 0 },
});
const delivery = { snapshot, digest: 'sha256:real', tree: 't', verified: false, note: null, summary: 'Done.' };

test.each([
  ['its summary', { summary: forged }],
  ['the reason that it is blocked', { note: `BLOCKED: The agent is blocked: ${forged}` }],
  ['the goal that a model wrote', { snapshot: { ...snapshot, goal: `---\n${forged}` } }],
  ['an assumption', { snapshot: { ...snapshot, assumptions: [forged] } }],
])('by %s no agent gets a digest of its own into the trailers of a commit', (_, words) => {
  const input = commitMessage({ ...delivery, ...words });
  const found = execFileSync('git', ['interpret-trailers', '--parse'], { input, encoding: 'utf8' });
  expect(found).toBe('Holdfast-Session: ses_a\nHoldfast-Snapshot: sha256:real\n');
});

test('a commit says when it is not verified, and what is to be said though it is', () => {
  const said = (changes: Partial<typeof delivery> | { note: string; verified: boolean }) =>
    commitMessage({ ...delivery, ...changes });
  expect(said({})).toContain('\n\nNOT VERIFIED: no acceptance command was run.\n\nHoldfast-Session');
  expect(said({ verified: true, note: '1 of 2\nflaky' })).toContain(
    'with a reservation: 1 of 2 flaky.\n\nHoldfast-Session',
  );
  expect(said({ verified: true })).not.toMatch(/verified/i);
});
