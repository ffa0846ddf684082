import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { workingApi } from './setting.ts';

const github = { repoUrl: 'https://github.com/acme/app.git', credentials: { token: 't' } };
const own = { repoUrl: 'https://git.example.test/acme/app.git', credentials: { token: 't' } };

async function create(body: object) {
  const { call, store } = workingApi();
  const sent = JSON.stringify({ userPrompt: 'Tidy the Parser, please!', ...body });
  const answer = await call('POST', '/api/sessions', { body: sent });
  const { data, error } = (await answer.json()) as ReturnType<typeof JSON.parse>;
  const faults = (error?.details?.faults ?? []) as { path: string; message: string }[];
  const session = data === undefined ? null : await store.sessions.get(data.sessionId);
  return { status: answer.status, paths: faults.map(({ path }) => path).toSorted(), session, store };
}

test.each([
  ['a request on a host that does not say which forge it is', { source: own, delivery: 'pull_request' }, ['forge']],
  ['a request without any token', { source: { repoUrl: github.repoUrl }, delivery: 'pull_request' }, ['forgeToken']],
  ['a request of a directory', { workingDir: '/srv/x', delivery: 'pull_request' }, ['delivery']],
  ['fields of a request without one', { source: github, pullRequest: { draft: false } }, ['pullRequest']],
  [
    'a repository that is none',
    { source: { ...github, repoUrl: 'https://github.com/x' }, delivery: 'pull_request' },
    ['source.repoUrl'],
  ],
  [
    'a branch into itself',
    { source: github, delivery: 'pull_request', branch: 'a', pullRequest: { target: 'a' } },
    ['pullRequest.target'],
  ],
  ['a branch without a name that exists', { source: github, branchStrategy: 'existing' }, ['branch']],
  [
    'a branch that exists, and another ref',
    { source: { ...github, ref: 'b' }, branchStrategy: 'existing', branch: 'a' },
    ['source.ref'],
  ],
  ['a key that is none', { source: github, signingKey: 'x' }, ['signingKey']],
  [
    'names that git or a forge would not take',
    {
      source: github,
      branch: 'a..b',
      trailers: { 'Holdfast-Session': 'x', 'no name': 'y' },
      coAuthors: [{ name: 'A <x>', email: 'no' }],
    },
    ['branch', 'coAuthors.0.email', 'coAuthors.0.name', 'trailers.Holdfast-Session', 'trailers.no name'],
  ],
  [
    'labels and reviewers of no form',
    { source: github, delivery: 'pull_request', pullRequest: { labels: ['a,b'], reviewers: ['@ada'] } },
    ['pullRequest.labels.0', 'pullRequest.reviewers.0'],
  ],
  [
    'a forge of no kind, and a faulty shape elsewhere: all at once',
    {
      source: github,
      delivery: 'pull_request',
      forge: { kind: 'svn', baseUrl: 'x' },
      branchStrategy: 'existing',
      labels: 1,
    },
    ['branch', 'forge.baseUrl', 'forge.kind', 'labels'],
  ],
])('%s is refused at the door, and nothing is stored', async (_, body, paths) => {
  const { session, status, store, ...found } = await create(body);
  expect([status, found.paths, session, await store.sessions.live()]).toEqual([422, paths, null, []]);
});

test.each([
  [{}, /^feat\/ai-task-[0-9a-f]{32}$/],
  [{ branch: 'fix/{slug}' }, /^fix\/tidy-the-parser-please$/],
  [{ branch: 'x/{date}/{taskId}-{id}', taskId: 'APP 12' }, /^x\/\d{4}-\d\d-\d\d\/app-12-[0-9a-f]{12}$/],
  [{ branch: 'fix/parser', branchStrategy: 'unique' }, /^fix\/parser-[0-9a-f]{8}$/],
])('%o names the branch', async (fields, name) => {
  const { session } = await create({ source: github, ...fields });
  expect(session?.task.branch).toMatch(name);
});

test('a task that asks for nothing beyond a branch has no terms; one that goes on with a branch starts from it', async () => {
  const plain = await create({ source: github });
  expect(plain.session?.task).not.toHaveProperty('terms');
  const { session } = await create({ source: github, branch: 'feat/x', branchStrategy: 'existing' });
  expect(session?.task).toMatchObject({
    branch: 'feat/x',
    source: { ref: 'feat/x' },
    terms: { branchUse: 'existing' },
  });
});

test('a pull request has its terms with every default; the secrets are sealed and stand nowhere else', async () => {
  const file = join(temporaryDirectory(), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
  const signingKey = readFileSync(file, 'utf8');
  const forge = { kind: 'gitlab', baseUrl: 'https://git.example.test' };
  const body = {
    source: own,
    delivery: 'pull_request',
    forge,
    forgeToken: 'canary-forge',
    signingKey,
    trailers: { Ticket: '1' },
  };
  const { session, store } = await create(body);
  expect(session?.task.terms).toEqual({
    branchUse: 'new',
    allowDefaultBranch: false,
    coAuthors: [],
    trailers: [{ name: 'Ticket', value: '1' }],
    isSigned: true,
    pullRequest: {
      forge,
      target: null,
      title: null,
      draft: true,
      readyWhenVerified: true,
      followUps: false,
      labels: [],
      reviewers: [],
    },
  });
  expect(JSON.stringify(session)).not.toMatch(/canary-forge|PRIVATE KEY/);
  const id = session?.id ?? '';
  expect(await store.secrets.get(id, 'forge.token')).toBe('canary-forge');
  expect(await store.secrets.get(id, 'git.signingKey')).toBe(signingKey);
});
