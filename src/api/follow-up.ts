import { targetOf, termsOf } from '../domain/delivery.ts';
import { askedBy, followUpPrompt, type RequestEvent } from '../domain/follow-up.ts';
import { secretNames, workSecrets, type SecretName, type Task } from '../domain/task.ts';
import type { NotedRequest } from '../store/pull-requests.ts';
import type { NewSession, SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import { newSessionId } from './session-intake.ts';
import type { Sessions } from './session-manager.ts';
import { begin } from './session-start.ts';

/** So many sessions a request gets because a check failed: a check that stays red must not be paid for again and again. */
const MAX_CHECKS = 3;

/** What follow-ups are started with. */
export interface FollowUpDeps {
  readonly store: Store;
  readonly sessions: Pick<Sessions, 'start'>;
  /** How a comment asks, at its beginning. */
  readonly command: string;
  /** True for somebody who may push to the session's repository. @throws HoldfastError FORGE_* */
  readonly mayPush: (session: SessionRecord, login: string) => Promise<boolean>;
}

/** What became of what came in. */
export type FollowedUp =
  | { readonly outcome: 'started'; readonly sessionId: string }
  | { readonly outcome: 'forgotten'; readonly reason: string }
  | { readonly outcome: 'ignored'; readonly reason: string };

type Cause = Exclude<RequestEvent, { readonly kind: 'closed' }>;

const ignored = (reason: string): FollowedUp => ({ outcome: 'ignored', reason });

/**
 * Starts the session that goes on with a request, if what came in asks for one; the same comment or commit starts one session only,
 * however often and under whatever id it is told.
 * @throws HoldfastError FORGE_* when the forge cannot be asked who may do so, TEMPORAL_UNAVAILABLE
 */
export async function followUp(deps: FollowUpDeps, event: RequestEvent): Promise<FollowedUp> {
  const { store } = deps;
  if (event.kind === 'closed') return forget(store, event.request);
  const newest =
    event.kind === 'check'
      ? await store.pullRequests.ofHead(event.head)
      : (await store.pullRequests.ofUrl(event.request))[0];
  if (newest === undefined) return ignored('it is about no request or commit of ours');
  const session = await store.sessions.get(newest.sessionId);
  if (termsOf(session.task).pullRequest?.followUps !== true) return ignored('its task has no pullRequest.followUps');
  const refusal =
    event.kind === 'check' ? await refuseCheck(store, newest, event) : await refuse(deps, session, newest, event);
  return refusal ?? start(deps, session, newest, event);
}

async function refuse(
  { command, mayPush }: FollowUpDeps,
  session: SessionRecord,
  { viewer }: NotedRequest,
  event: Extract<RequestEvent, { kind: 'comment' }>,
): Promise<FollowedUp | null> {
  if (event.isBot || event.author === viewer) return ignored('it is by a program');
  if (askedBy(event.text, command) === null) return ignored(`it does not begin with ${command} and a request`);
  return (await mayPush(session, event.author)) ? null : ignored(`${event.author} may not push to the repository`);
}

async function refuseCheck(
  store: Store,
  { url, head }: NotedRequest,
  event: Extract<RequestEvent, { kind: 'check' }>,
): Promise<FollowedUp | null> {
  const noted = await store.pullRequests.ofUrl(url);
  if (noted[0]?.head !== head) return ignored(`${event.head} is not the newest commit of ours any more`);
  const checks = noted.filter(({ trigger }) => trigger === 'check').length;
  return checks < MAX_CHECKS ? null : ignored(`${checks} sessions have tried to mend its checks`);
}

async function start(
  { command, sessions, store }: FollowUpDeps,
  before: SessionRecord,
  { url }: NotedRequest,
  event: Cause,
): Promise<FollowedUp> {
  // Not by the id of the delivery, which nobody signs.
  const key = event.kind === 'check' ? `check ${url} ${event.head}` : `comment ${url} ${event.id}`;
  const asked = event.kind === 'check' ? '' : (askedBy(event.text, command) ?? '');
  const prompt = followUpPrompt(event, url, asked);
  const make = async (): Promise<Pick<NewSession, 'id' | 'task' | 'secrets'>> => {
    const id = newSessionId();
    const task = taskOf(id, before, { prompt, url, trigger: event.kind });
    return { id, task, secrets: await secretsFor(store, before, id) };
  };
  const { session } = await begin(
    { store, sessions },
    { key: `forge ${key}`, bodySha256: 'of what its key names' },
    make,
  );
  return { outcome: 'started', sessionId: session.id };
}

/** The task of the session before, on the branch that it delivered to, with another prompt. */
function taskOf(
  id: string,
  { id: sessionId, base, result, task }: SessionRecord,
  { prompt, trigger, url }: { readonly prompt: string; readonly trigger: Cause['kind']; readonly url: string },
): Task {
  const { parent: _parent, ...rest } = task;
  const branch = result?.branch ?? task.branch;
  const terms = termsOf(task);
  const target = terms.pullRequest && targetOf(terms.pullRequest, base?.ref ?? '', branch);
  return {
    ...rest,
    taskId: id,
    userPrompt: prompt,
    source: task.source.kind === 'repository' ? { ...task.source, ref: branch } : task.source,
    auto: true,
    branch,
    terms: {
      ...terms,
      branchUse: 'existing',
      pullRequest: terms.pullRequest && { ...terms.pullRequest, target, title: null },
    },
    followUp: { url, sessionId, trigger },
  };
}

async function secretsFor(
  { secrets }: Store,
  { id, tenant }: SessionRecord,
  forId: string,
): Promise<NewSession['secrets']> {
  const found: [SecretName, string][] = [];
  for (const name of secretNames) {
    const value = await secrets.get(id, name);
    if (value !== undefined) found.push([name, value]);
  }
  return found.map(([name, value]) => secrets.seal({ tenant, id: forId }, name, value));
}

/** A request that is closed gets no more sessions: the secrets that were kept for them go. */
async function forget(store: Store, url: string): Promise<FollowedUp> {
  const noted = await store.pullRequests.ofUrl(url);
  if (noted.length === 0) return ignored('it is about no request of ours');
  for (const { sessionId } of noted) await store.secrets.forget(sessionId, workSecrets);
  return { outcome: 'forgotten', reason: 'the request is closed: the credentials that were kept for it are removed' };
}
