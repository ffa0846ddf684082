import { expect, onTestFinished, test } from 'vitest';
import { BranchProtection } from '../../src/activities/branch-protection.ts';
import { Credentials } from '../../src/activities/credentials.ts';
import { SessionForges } from '../../src/activities/session-forges.ts';
import { termsOf } from '../../src/domain/delivery.ts';
import { workBranchOf } from '../../src/domain/session.ts';
import { openStore } from '../../src/store/store.ts';
import { sampleRequest, sampleSession, sampleTask } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SESSION = 'ses_1';
const onGitHub = 'https://github.com/acme/app.git';
/** Asks about a branch of a repository whose forge answers with this, and tells what it was asked. */
async function ask(
  one: {
    readonly url: string;
    readonly token?: string;
    readonly proposes?: boolean;
    readonly allows?: boolean;
    readonly isOurs?: boolean;
  },
  answer: { readonly status: number; readonly protected?: boolean },
) {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  const source = { kind: 'repository', url: one.url } as const;
  const { token } = one;
  const owner = { tenant: 'default', id: SESSION };
  const secrets = token === undefined ? [] : [store.secrets.seal(owner, 'git.token', token)];
  await store.sessions.create(sampleSession(SESSION, { task: sampleTask({ source }), secrets }));
  const asked: string[] = [];
  const credentials = new Credentials(store, { spec: sampleTask().model, key: () => undefined });
  const forges = new SessionForges({
    credentials,
    transport: async ({ method, url }) => {
      asked.push(`${method} ${url}`);
      return { status: answer.status, headers: {}, body: JSON.stringify({ message: 'no', ...answer }) };
    },
  });
  const pullRequest = sampleRequest({ kind: 'github', baseUrl: 'https://git.example.test' });
  const terms = {
    ...termsOf({}),
    pullRequest: one.proposes === true ? pullRequest : null,
    allowProtectedBranch: one.allows,
  };
  const branch = {
    sessionId: SESSION,
    source,
    branch: one.isOurs ? workBranchOf(SESSION) : 'release/1',
    terms,
    isDelivery: true,
  };
  const outcome = await new BranchProtection(forges).assertOpen(branch).then(
    () => 'open',
    ({ code }: { code: string }) => code,
  );
  return { asked, outcome };
}

const known = 'GET https://api.github.com/repos/acme/app/branches/release%2F1';
const named = 'GET https://git.example.test/api/v3/repos/acme/app/branches/release%2F1';

test.each([
  ['a forge known by its host', { url: onGitHub, token: 't' }, 'BRANCH_PROTECTED', known],
  ['over SSH, too', { url: 'git@github.com:acme/app.git', token: 't' }, 'BRANCH_PROTECTED', known],
  [
    'one that the task names',
    { url: 'https://a.test/acme/app', token: 't', proposes: true },
    'BRANCH_PROTECTED',
    named,
  ],
  ['nobody where the task lets its result go there', { url: onGitHub, token: 't', allows: true }, 'open', null],
  ['nobody about the branch that has our name', { url: onGitHub, token: 't', isOurs: true }, 'open', null],
  ['nobody without a token', { url: onGitHub }, 'open', null],
  ['nobody where no forge is known', { url: 'https://a.test/acme/app', token: 't' }, 'open', null],
  ['nobody about a URL that is no repository there', { url: 'https://github.com/app', token: 't' }, 'open', null],
] as const)('about a branch is asked: %s', async (_, one, outcome, call) => {
  expect(await ask(one, { status: 200, protected: true })).toEqual({ outcome, asked: call === null ? [] : [call] });
  expect((await ask(one, { status: 200, protected: false })).outcome).toBe('open');
});

test.each([
  [401, 'open', 'FORGE_AUTH_FAILED'],
  [403, 'open', 'FORGE_AUTH_FAILED'],
  [404, 'open', 'open'],
  [429, 'FORGE_RATE_LIMITED', 'FORGE_RATE_LIMITED'],
  [503, 'FORGE_UNAVAILABLE', 'FORGE_UNAVAILABLE'],
])(
  'status %i: %s for a token that was only given for git, %s for one that is to propose',
  async (status, git, forge) => {
    expect((await ask({ url: onGitHub, token: 't' }, { status })).outcome).toBe(git);
    expect((await ask({ url: onGitHub, token: 't', proposes: true }, { status })).outcome).toBe(forge);
  },
);
