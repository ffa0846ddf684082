import type { z } from '@hono/zod-openapi';
import { gitCredentialsOf } from '../domain/git-credentials.ts';
import { workBranchOf, type Frozen } from '../domain/session.ts';
import { secretNames, type SecretName, type Task } from '../domain/task.ts';
import type { Checkpoint } from '../store/journal.ts';
import type { NewSession, SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import { invalid, type Fault } from './errors.ts';
import type { ForkSession } from './fork-schemas.ts';
import { givenSecrets } from './source-credentials.ts';
import { unpriced } from './model-intake.ts';
import { newSessionId, type IntakeChecks, type TaskDefaults } from './session-intake.ts';

type ForkSession = z.infer<typeof ForkSession>;

/** What a fork is made with. */
export interface ForkDeps {
  readonly store: Store;
  readonly defaults: TaskDefaults;
  readonly checks: IntakeChecks;
}

/** The parts of a request whose meaning can be wrong. */
type Checkable = Pick<ForkSession, 'checkpoint' | 'credentials' | 'limits'>;

/**
 * Makes the session that a fork will be: the parent's task from one of its checkpoints on, on a branch of its own, with its secrets as
 * far as they are still there and no others are given. Nothing is stored.
 * @throws HoldfastError SESSION_NOT_FOUND, INVALID_REQUEST with every fault, PATH_NOT_ALLOWED; REPOSITORY_UNREACHABLE,
 * REPOSITORY_AUTH_FAILED or REF_NOT_FOUND when the repository is asked.
 */
export async function forkOf(
  deps: ForkDeps,
  parentId: string,
  request: ForkSession,
): Promise<Pick<NewSession, 'id' | 'task' | 'secrets'>> {
  const parent = await deps.store.sessions.get(parentId);
  const { checkpoint, faults, frozen } = await lookAt(deps, parent, request);
  if (checkpoint === null || frozen === null || faults.length > 0) throw invalid(faults);
  const source = deps.checks.checkSource(parent.task.source);
  const secrets = await secretsFor(deps.store, parentId, request);
  await deps.checks.probeSource(
    source,
    gitCredentialsOf((name) => secrets.get(name)),
  );
  const id = newSessionId();
  return {
    id,
    task: taskOf(id, parent, { checkpoint, frozen, request }),
    secrets: [...secrets].map(([name, value]) => deps.store.secrets.seal({ tenant: parent.tenant, id }, name, value)),
  };
}

/** The faults in meaning of a body that has faults of shape as well, so that its sender learns of all of them at once. */
export async function faultsOfFork(deps: ForkDeps, parentId: string, body: unknown): Promise<readonly Fault[]> {
  const { checkpoint, credentials } = Object(body) as Record<string, unknown>;
  const known = typeof checkpoint === 'number' ? { checkpoint } : {};
  const { modelApiKey } = Object(credentials) as Record<string, unknown>;
  const key = typeof modelApiKey === 'string' ? { credentials: { modelApiKey } } : {};
  const { faults } = await lookAt(deps, await deps.store.sessions.get(parentId), { ...known, ...key });
  return faults;
}

interface Looked {
  readonly checkpoint: Checkpoint | null;
  readonly frozen: Frozen | null;
  readonly faults: readonly Fault[];
}

async function lookAt(
  { store, defaults, checks }: ForkDeps,
  parent: SessionRecord,
  request: Checkable,
): Promise<Looked> {
  const { journal, secrets } = store;
  const faults: Fault[] = [];
  const [newest] = await journal.checkpoints(parent.id, { before: Number.MAX_SAFE_INTEGER, limit: 1 });
  const asked = request.checkpoint ?? newest?.turn ?? 0;
  const [checkpoint = null] = await journal.checkpoints(parent.id, { before: asked + 1, limit: 1 });
  const found = checkpoint?.turn === asked ? checkpoint : null;
  if (newest === undefined)
    faults.push({ path: 'checkpoint', message: 'the session has none yet: no turn is finished' });
  else if (found === null)
    faults.push({ path: 'checkpoint', message: `there is no ${asked}; the newest is ${newest.turn}` });
  const { model } = parent.task;
  if (request.limits?.maxCostUsd !== undefined && !checks.isPriced(model)) faults.push(unpriced);
  const own = request.credentials?.modelApiKey ?? (await secrets.get(parent.id, 'model.apiKey'));
  const isServers = model.provider === defaults.model.provider && model.baseUrl === defaults.model.baseUrl;
  if (own === undefined && !isServers) {
    const message = "is needed: the parent's was removed when it ended, and the server's own key never goes there";
    faults.push({ path: 'credentials.modelApiKey', message });
  }
  return { checkpoint: found, frozen: parent.frozen, faults };
}

async function secretsFor(
  { secrets }: Store,
  parentId: string,
  { credentials }: ForkSession,
): Promise<Map<SecretName, string>> {
  const given = givenSecrets(credentials);
  const found = new Map<SecretName, string>();
  for (const name of secretNames) {
    const value = given.get(name) ?? (await secrets.get(parentId, name));
    if (value !== undefined) found.set(name, value);
  }
  return found;
}

function taskOf(
  id: string,
  { id: sessionId, task }: SessionRecord,
  { checkpoint, frozen, request }: { checkpoint: Checkpoint; frozen: Frozen; request: ForkSession },
): Task {
  const limits = Object.entries({ ...task.limits, ...request.limits }).filter(([, value]) => value !== undefined);
  const { turn, seq, tree } = checkpoint;
  return {
    ...task,
    taskId: id,
    auto: true,
    branch: workBranchOf(id),
    ...(task.terms !== undefined && { terms: { ...task.terms, branchUse: 'new' as const } }), // Its branch is its own.
    limits: Object.fromEntries(limits) as Task['limits'],
    parent: { sessionId, turn, seq, tree, digest: frozen.digest, prompt: request.userPrompt ?? null },
  };
}
