import { expect, test } from 'vitest';
import type { FaultPoint } from '../../src/fault-point.ts';
import { noUsage } from '../../src/domain/usage.ts';
import { MAIN } from '../../src/store/journal.ts';
import type { FakeRequest } from '../support/forges/fake-state.ts';
import type { JournalEntry } from '../support/scripted-model/journal.ts';
import type { Received } from '../support/webhook-receiver.ts';
import { violations, type Evidence } from './invariants.ts';
import type { Seen } from './rendezvous.ts';
import { CONTENT, TURNS } from './scenario.ts';

const turns = Array.from({ length: TURNS }, (_, index) => index);

const request = (asked: 'contract' | 'turn', turn: number, at: number): JournalEntry => {
  const facts = {
    api: 'anthropic-messages',
    scenario: 'numbered',
    attempt: 1,
    status: 200,
    outcome: 'ok',
    ms: 10,
  } as const;
  return { ...facts, bodySha256: '', bodyBytes: 0, keySha256: '', asked, turn, at };
};

const hit = (point: FaultPoint, at: number, pid = 1): Seen => {
  return { point, at, pid, nth: 1, ordinal: 1, sessionId: 'ses_a', process: 'worker' };
};

const event = (seq: number, type: 'stage' | 'turn', data = {}) => {
  return {
    id: `evt_${seq}`,
    sessionId: 'ses_a',
    seq,
    type,
    state: 'EXECUTING',
    stage: 'coding',
    at: seq,
    data,
  } as const;
};

const webhook = (id: string, body = id) => ({ id, body, verified: true }) as Received;

const files = { tree: 't', kept: null, ignored: [], pack: null, full: false };
const latest = { ...files, turn: TURNS, thread: MAIN, seq: 3, usage: noUsage, at: 0 };

const pull: FakeRequest = {
  number: 1,
  head: 'h',
  base: 'main',
  from: 'trials/a',
  author: 'a',
  title: 't',
  body: 'digest d',
  draft: false,
  state: 'open',
  labels: [],
  reviewers: [],
};

/** What an undisturbed session leaves. */
const sound: Evidence = {
  session: { state: 'COMPLETE', frozen: { digest: 'd' }, result: { tree: 't', commit: 'c' } } as Evidence['session'],
  sessions: 1,
  events: [event(1, 'stage'), ...turns.map((turn) => event(turn + 2, 'turn', { turn: turn + 1 }))],
  transcript: [{ type: 'session' }, { id: 'a', parentId: null }, { id: 'b', parentId: 'a' }],
  latest,
  requests: [request('contract', 0, 0), ...turns.map((turn) => request('turn', turn, 100 + turn * 100))],
  webhooks: [webhook('evt_1'), webhook('evt_1')],
  hits: [hit('after:session-claimed', 50)].concat(
    turns.flatMap((turn) => [
      hit('before:model-request', 99 + turn * 100),
      hit('after:stream', 120 + turn * 100),
      hit('after:entries-written', 130 + turn * 100),
    ]),
  ),
  kills: 1,
  tree: 't',
  remote: { sha: 'c', content: CONTENT, updates: 1, commits: 1 },
  requested: [],
  forge: { requests: [pull], comments: [{ id: 1, request: 1, author: 'a', body: 'commit c', system: false }] },
  leftovers: [],
};

const told = (text: string) => ({
  id: 'c',
  parentId: 'b',
  message: { role: 'toolResult', toolName: 'bash', content: [{ type: 'text', text }] },
});

test('a session that nobody disturbed violates nothing', () => {
  expect(violations(sound)).toEqual([]);
});

test.each<[string, Partial<Evidence>]>([
  ['state FAILED', { session: { ...sound.session, state: 'FAILED' } }],
  ['2 sessions', { sessions: 2 }],
  ['5 turns instead of 6', { latest: { ...latest, turn: 5 } }],
  ['tree t instead of other', { tree: 'other' }],
  ['the file holds', { remote: { ...sound.remote, content: `${CONTENT}4\n` } }],
  ['the branch is at x', { remote: { ...sound.remote, sha: 'x' } }],
  ['2 pull requests', { forge: { ...sound.forge, requests: [pull, pull] } }],
  ['the request is a draft', { forge: { ...sound.forge, requests: [{ ...pull, title: 'WIP: t' }] } }],
  ['the digest is not in it', { forge: { ...sound.forge, requests: [{ ...pull, body: '' }] } }],
  ['0 comments', { forge: { ...sound.forge, comments: [] } }],
  ['2 commits were pushed', { remote: { ...sound.remote, commits: 2 } }],
  ['the branch was moved 2 times', { remote: { ...sound.remote, updates: 2 } }],
  ['replies to 6 questions instead of 7', { requests: sound.requests.slice(1) }],
  ['1 requests more than needed after 0 kills', { requests: [...sound.requests, request('contract', 0, 5)], kills: 0 }],
  [
    '1 writes of an overtaken',
    { hits: [...sound.hits, hit('after:session-claimed', 800, 2), hit('after:entries-written', 900)] },
  ],
  ['entries do not follow', { transcript: [...sound.transcript, { id: 'd', parentId: 'c' }] }],
  ['numbers 2 3', { events: sound.events.slice(1) }],
  ['turns 1 2 3 4 5', { events: sound.events.slice(0, -1) }],
  ['evt_1 never came', { webhooks: [] }],
  ['evt_1 came with different bodies', { webhooks: [webhook('evt_1'), webhook('evt_1', 'other')] }],
  ['evt_1 came with a bad signature', { webhooks: [{ ...webhook('evt_1'), verified: false }] }],
  ['evt_9 is no event', { webhooks: [...sound.webhooks, webhook('evt_9')] }],
  ['request 0 was made 2 times', { requested: [2], transcript: [...sound.transcript, told('counted /a/0')] }],
  ['request 0 was made 2 times', { requested: [2], transcript: [...sound.transcript, told('Outcome unknown')] }],
  ['request 0 was made 0 times', { requested: [0], transcript: [...sound.transcript, told('counted /a/0')] }],
  ['request 0 was made 1 times', { requested: [1], transcript: [...sound.transcript, told('No result provided')] }],
  ['directory /work', { leftovers: ['directory /work'] }],
])('it is noticed: %s', (what, changes) => {
  expect(violations({ ...sound, ...changes }).join('\n')).toContain(what);
});

test('a request whose outcome is unknown may have been made once, or not at all', () => {
  for (const count of [0, 1]) {
    const unknown = { requested: [count], transcript: [...sound.transcript, told('Outcome unknown')] };
    expect(violations({ ...sound, ...unknown })).toEqual([]);
  }
});

test('a reply that was recorded and asked for again is noticed; one that died with its process is not held against anybody', () => {
  const again = [...sound.requests, request('turn', 1, 1000)];
  const asked = hit('before:model-request', 999, 2);
  expect(violations({ ...sound, requests: again, hits: [...sound.hits, asked] }).join()).toContain(
    'turn 1 was recorded and',
  );
  const died = sound.hits.filter(({ at }) => at < 220 || at > 230).map((it) => (it.at > 230 ? { ...it, pid: 2 } : it));
  died.push(hit('after:session-claimed', 290, 2));
  died.sort((a, b) => a.at - b.at);
  expect(violations({ ...sound, requests: again, hits: [...died, asked] })).toEqual([]);
});

test('a worker that hung on the verge of asking could not know better', () => {
  const again = [...sound.requests, request('turn', 1, 1000)];
  expect(violations({ ...sound, requests: again })).toEqual([]);
});
