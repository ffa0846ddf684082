import type { PullRequestTerms } from '../../src/domain/delivery.ts';
import type { ForgeSpec } from '../../src/domain/forge.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { defaultAuthor, type Task } from '../../src/domain/task.ts';
import { toolNames } from '../../src/domain/tools.ts';
import { noUsage } from '../../src/domain/usage.ts';
import type { Checkpoint } from '../../src/store/journal.ts';
import type { NewSession } from '../../src/store/sessions.ts';

/** A task with every field filled in; a test names only what it is about. */
export function sampleTask(changes: Partial<Task> = {}): Task {
  return {
    taskId: 'task-1',
    userPrompt: 'Fix the failing test.',
    skill: null,
    source: { kind: 'repository', url: 'https://git.example.test/acme/app.git' },
    inputs: {},
    auto: false,
    onMissing: 'ask',
    requireApproval: false,
    delivery: 'branch',
    branch: 'feat/ai-task-1',
    author: defaultAuthor,
    model: { provider: 'anthropic', id: 'scripted', thinkingLevel: 'off' },
    limits: { maxSteps: 50, maxIterations: 3 },
    testStrategy: 'full',
    acceptance: [],
    keepIgnored: [],
    setup: [],
    strict: false,
    onRedEnd: 'keep',
    egress: [],
    webhook: null,
    labels: [],
    preflightTimeoutMs: 60_000,
    ...changes,
  };
}

/** The terms of a pull request with nothing special on a forge. */
export function sampleRequest(forge: ForgeSpec): PullRequestTerms {
  const texts = { target: null, title: null, labels: [], reviewers: [] };
  return { forge, ...texts, draft: true, readyWhenVerified: true, followUps: false };
}

/** A session of {@link sampleTask} to be recorded. */
export function sampleSession(id: string, changes: Partial<NewSession> = {}): NewSession {
  return { id, tenant: 'default', task: sampleTask(), createdAt: 1_000, secrets: [], idempotency: null, ...changes };
}

/** A snapshot of a session that may use every tool; a test names only what it is about. */
export function sampleSnapshot(
  facts: Pick<Snapshot, 'sessionId' | 'source' | 'base' | 'model' | 'limits'>,
  changes: Partial<Snapshot> = {},
): Snapshot {
  return {
    version: 1,
    prompt: 'Do it.',
    skillText: '',
    inputs: {},
    answers: [],
    assumptions: [],
    contract: '',
    goal: 'It is done.',
    files: [],
    scripts: [],
    tools: [...toolNames],
    keepIgnored: [],
    systemPrompt: '',
    sandbox: { kind: 'bwrap', network: 'none' },
    testStrategy: 'skip',
    acceptance: [],
    delivery: 'directory',
    branch: 'work',
    author: defaultAuthor,
    versions: { holdfast: '', pi: '' },
    createdAt: 0,
    ...facts,
    ...changes,
  };
}

/** A checkpoint that ends with the entry of its turn's number; a test names only what it is about. */
export function sampleCheckpoint(turn: number, changes: Partial<Checkpoint> = {}): Checkpoint {
  const files = { tree: `tree ${turn}`, kept: null, ignored: [], pack: null, full: false };
  return { turn, thread: '', seq: turn, ...files, usage: { ...noUsage, turns: turn }, at: turn, ...changes };
}
