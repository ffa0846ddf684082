import type { SessionEvent } from '../../src/domain/events.ts';
import { isAnnounced } from '../../src/domain/events.ts';
import type { Checkpoint, Entry } from '../../src/store/journal.ts';
import type { SessionRecord } from '../../src/store/sessions.ts';
import type { FakeState } from '../support/forges/fake-state.ts';
import type { JournalEntry } from '../support/scripted-model/journal.ts';
import type { Received } from '../support/webhook-receiver.ts';
import type { Seen } from './rendezvous.ts';
import { CONTENT, TURNS } from './scenario.ts';

/** Everything that is known about a session that has ended. */
export interface Evidence {
  readonly session: SessionRecord;
  /** How many sessions the caller's one request has made. */
  readonly sessions: number;
  readonly events: readonly SessionEvent[];
  readonly transcript: readonly Entry[];
  readonly latest: Checkpoint | null;
  /** Requests to the model, oldest first. */
  readonly requests: readonly JournalEntry[];
  readonly webhooks: readonly Received[];
  readonly hits: readonly Seen[];
  /** Kills while the session lived. */
  readonly kills: number;
  /** The tree of the undisturbed run; null for that run itself. */
  readonly tree: string | null;
  readonly remote: {
    /** Where the branch is. */
    readonly sha: string | null;
    /** The file that the commands write. */
    readonly content: string | null;
    /** How often the branch was moved or made. */
    readonly updates: number;
    /** Commits in the repository that were not there before. */
    readonly commits: number;
  };
  /** How often the witness was asked for each request, in their order; empty for a session without a network. */
  readonly requested: readonly number[];
  /** What the forge has. */
  readonly forge: Pick<FakeState, 'requests' | 'comments'>;
  /** What is left of the session on the machine, in words. */
  readonly leftovers: readonly string[];
}

type Law = (evidence: Evidence) => readonly string[];

/** What the kill matrix promises of every session, in the order in which the documentation lists it. */
export const laws: Readonly<Record<string, Law>> = {
  'one request makes one session, which ends COMPLETE with every turn counted once': ({
    session,
    sessions,
    latest,
  }) => [
    ...unless(sessions === 1, `${sessions} sessions`),
    ...unless(session.state === 'COMPLETE', `state ${session.state} (${session.failure?.code ?? session.pause?.code})`),
    ...unless(latest?.turn === TURNS, `${latest?.turn} turns instead of ${TURNS}`),
  ],
  "each command's effect is in the tree exactly once, and the tree is that of the undisturbed run": ({
    remote,
    session,
    tree,
  }) => [
    ...unless(remote.content === CONTENT, `the file holds ${JSON.stringify(remote.content)}`),
    ...unless(tree === null || session.result?.tree === tree, `tree ${session.result?.tree} instead of ${tree}`),
  ],
  'each request to an allowed host is made once, or it is reported as unknown and was made at most once': ({
    requested,
    transcript,
  }) => {
    const told = resultsOf(transcript, 'bash');
    return requested.flatMap((count, index) => {
      const isUnknown = told[index]?.includes('Outcome unknown') === true;
      const isKnown = told[index]?.includes('counted') === true;
      const holds = isKnown ? count === 1 : isUnknown && count <= 1;
      return unless(holds, `request ${index} was made ${count} times, and the model was told ${told[index]}`);
    });
  },
  'there is one commit, on which all attempts agree, and it is pushed once': ({ remote, session }) => [
    ...unless(
      remote.sha === session.result?.commit,
      `the branch is at ${remote.sha}, not at ${session.result?.commit}`,
    ),
    ...unless(remote.commits === 1, `${remote.commits} commits were pushed`),
    ...unless(remote.updates === 1, `the branch was moved ${remote.updates} times`),
  ],
  'there is one pull request, out of draft, with the digest and one report that names the commit': ({
    forge,
    session,
  }) => {
    const [request] = forge.requests;
    const reports = forge.comments.filter(({ body }) => body.includes(session.result?.commit ?? 'no commit'));
    return [
      ...unless(forge.requests.length === 1, `${forge.requests.length} pull requests`),
      ...unless(request?.title.startsWith('WIP') === false, 'the request is a draft'),
      ...unless(request?.body.includes(session.frozen?.digest ?? 'no digest') === true, 'the digest is not in it'),
      ...unless(forge.comments.length === 1 && reports.length === 1, `${forge.comments.length} comments`),
    ];
  },
  'each turn has one successful model request, and at most one more for each kill': ({ kills, requests }) => {
    const counts = [...successful(requests).values()].map((same) => same.length);
    const extra = counts.reduce((sum, count) => sum + count - 1, 0);
    return [
      ...unless(counts.length === TURNS + 1, `replies to ${counts.length} questions instead of ${TURNS + 1}`),
      ...unless(extra <= kills, `${extra} requests more than needed after ${kills} kills`),
    ];
  },
  'a reply that was received is never bought twice': ({ hits, requests }) =>
    [...successful(requests).values()].flatMap((same) =>
      same.slice(1).flatMap((later, index) => {
        const recorded = recordedAt(hits, same[index]?.at ?? 0);
        const { asked, turn } = later;
        const known = asked === 'turn' && recorded <= later.at;
        // A worker that hung on the verge of asking could not know what was recorded while it slept.
        const slept = known && decisions(hits, recorded, later.at) < requestsIn(requests, recorded, later.at);
        return unless(!known || slept, `turn ${turn} was recorded and bought again`);
      }),
    ),
  'nobody writes but the attempt that claimed the session last': ({ hits }) => {
    const owners = hits.filter(({ point }) => point === 'after:session-claimed');
    const writes = hits.filter(
      ({ point }) => point === 'after:entries-written' || point === 'after:transaction-committed',
    );
    const stale = writes.filter(({ at, pid }) => owners.findLast((owner) => owner.at <= at)?.pid !== pid);
    return unless(stale.length === 0, `${stale.length} writes of an overtaken process were taken`);
  },
  'the transcript is one unbroken chain': ({ transcript }) => {
    const [, ...chain] = transcript as readonly { id?: string; parentId?: string | null }[];
    const broken = chain.filter(({ parentId }, index) => parentId !== (chain[index - 1]?.id ?? null));
    return unless(broken.length === 0, `${broken.length} entries do not follow the one before`);
  },
  'events are numbered densely, and no turn is missing among them or told twice': ({ events }) => {
    const turns = events.filter(({ type }) => type === 'turn').map(({ data }) => data['turn']);
    return [
      ...unless(isDense(events.map(({ seq }) => seq)), `numbers ${events.map(({ seq }) => seq).join(' ')}`),
      ...unless(isDense(turns) && turns.length === TURNS, `turns ${turns.join(' ')}`),
    ];
  },
  'each webhook arrives at least once, signed, and always with the same body': ({ events, webhooks }) => {
    const due = events.filter(({ type }) => isAnnounced(type)).map(({ id }) => id);
    const byId = Map.groupBy(webhooks, ({ id }) => id);
    return [
      ...due.flatMap((id) => unless(byId.has(id), `${id} never came`)),
      ...[...byId].flatMap(([id, same]) => [
        ...unless(due.includes(id), `${id} is no event`),
        ...unless(new Set(same.map(({ body }) => body)).size === 1, `${id} came with different bodies`),
        ...unless(
          same.every(({ verified }) => verified),
          `${id} came with a bad signature`,
        ),
      ]),
    ];
  },
  'no process, mount, lock or file is left': ({ leftovers }) => leftovers,
};

/** What the evidence has against the laws, in words; empty when all is well. */
export function violations(evidence: Evidence): string[] {
  return Object.entries(laws).flatMap(([law, check]) => check(evidence).map((what) => `${law}: ${what}`));
}

function unless(holds: boolean, otherwise: string): string[] {
  return holds ? [] : [otherwise];
}

/** What the model was told of its calls of a tool, in their order. */
function resultsOf(transcript: readonly Entry[], tool: string): string[] {
  const messages = (transcript as readonly { message?: { role: string; toolName?: string; content: unknown } }[]).map(
    ({ message }) => message,
  );
  const results = messages.filter((message) => message?.role === 'toolResult' && message.toolName === tool);
  return results.map((message) => JSON.stringify(message?.content));
}

function isDense(numbers: readonly unknown[]): boolean {
  return numbers.every((number, index) => number === index + 1);
}

function decisions(hits: readonly Seen[], after: number, upTo: number): number {
  return hits.filter(({ at, point }) => point === 'before:model-request' && at > after && at <= upTo).length;
}

function requestsIn(requests: readonly JournalEntry[], after: number, upTo: number): number {
  return requests.filter(({ asked, at }) => asked === 'turn' && at > after && at <= upTo).length;
}

/** When the process that had sent a request recorded the reply; never, if it was killed before. */
function recordedAt(hits: readonly Seen[], requestedAt: number): number {
  const asking = hits.findLast(({ point, at }) => point === 'before:model-request' && at <= requestedAt);
  const later = hits.filter(({ pid, at }) => pid === asking?.pid && at >= asking.at);
  const next = later.findIndex((hit) => hit !== asking && hit.point === 'before:model-request');
  const arrived = later.findIndex(({ point }) => point === 'after:stream');
  if (arrived < 0) return Infinity;
  const mine = later.slice(arrived, next < 0 ? undefined : next);
  return mine.find(({ point }) => point === 'after:entries-written')?.at ?? Infinity;
}

/** The requests that were answered to the end, by what they asked. */
function successful(requests: readonly JournalEntry[]): Map<string, JournalEntry[]> {
  const ok = requests.filter(({ outcome }) => outcome === 'ok').toSorted((a, b) => a.at - b.at);
  return Map.groupBy(ok, ({ asked, turn }) => `${asked} ${turn}`);
}
