import { randomBytes } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createActivities, type ActivityDependencies } from '../../src/activities/index.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import { openStore } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runnerSetting, SESSION, type RunnerSetting } from './runner-setting.ts';

const canary = () => `canary-${randomBytes(18).toString('base64url')}`;
const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });

/** What tools gave, as text. */
async function results({ store }: RunnerSetting): Promise<string[]> {
  const entries = (await store.journal.transcript(SESSION)) as { message?: { role: string; content: unknown } }[];
  return entries.flatMap(({ message }) => (message?.role === 'toolResult' ? [JSON.stringify(message.content)] : []));
}

test('what tools give enters the transcript without secrets, and the files keep what they hold', async () => {
  const token = canary();
  const [half, rest] = [token.slice(0, 12), token.slice(12)];
  const shape = `ghp_${'a1B2'.repeat(9)}`;
  const turns: Turn[] = [
    bash(`printf '%s%s' ${half} ${rest} > secret; printf %s ${shape} >> secret`),
    { tools: [{ name: 'read', args: { path: 'secret' } }] },
    bash('cat secret; base64 -w0 secret; exit 3'),
    // Cut by the tool in the middle of the secret: 40,000 bytes from the end are shown.
    bash(`cat secret; head -c 39950 /dev/zero | tr '\\0' x`),
    { tools: [{ name: 'grep', args: { pattern: 'canary' } }] },
    { tools: [{ name: 'edit', args: { path: 'secret', edits: [{ oldText: 'canary-', newText: 'kept-canary-' }] } }] },
    { tools: [{ name: 'submit_result', args: { summary: `It says ${shape}.` } }] },
  ];
  const setting = await runnerSetting({ turns });
  const { store, chunk, file, model } = setting;
  await store.secrets.put(SESSION, 'git.token', token);
  const { tree } = await chunk();
  const given = await results(setting);
  for (const text of [...given, ...model.journal().map((call) => JSON.stringify(call))]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(rest);
    expect(text).not.toContain(Buffer.from(token).toString('base64').slice(4, 24));
  }
  expect(given[1]).toContain('[redacted:git.token][redacted:github-token]');
  expect(given[1]).toContain('Never write the mark into a file.');
  expect(given[2]).toContain('[redacted:git.token]');
  expect(given[4]).toContain('[redacted:git.token]');
  expect(await file(tree, 'secret')).toBe(`kept-${token}${shape}`);
  expect(await setting.runner.summary(SESSION)).toBe('It says [redacted:github-token].');
});

test('a mark is not let into a file', async () => {
  const turns: Turn[] = [
    { tools: [{ name: 'write', args: { path: 'a', content: 'key = [redacted:git.token]\n' } }] },
    bash('ls a'),
    { tools: [{ name: 'submit_result', args: { summary: 's' } }] },
  ];
  const setting = await runnerSetting({ turns });
  await setting.chunk();
  const given = await results(setting);
  expect(given[0]).toContain('Leave that part as it is.');
  expect(given[1]).toContain('No such file');
});

test('the next request is the same to the byte whether a redacting attempt goes on or another one takes over', async () => {
  const token = canary();
  const turns: Turn[] = [
    bash(`echo ${token.slice(0, 9)}''${token.slice(9)}`),
    bash(`echo ${token.slice(0, 9)}''${token.slice(9)}; echo more`),
    { tools: [{ name: 'submit_result', args: { summary: 's' } }] },
  ];
  const runs = await Promise.all(
    [100, 1].map(async (maxTurns) => {
      const { store, toTheEnd, model } = await runnerSetting({ turns });
      await store.secrets.put(SESSION, 'git.token', token);
      await toTheEnd({ maxTurns });
      return model.journal().map(({ bodySha256 }) => bodySha256);
    }),
  );
  expect(runs[1]).toEqual(runs[0]);
});

test('what Temporal is told, of a success or a failure, has no secret in it', async () => {
  const token = canary();
  const directory = temporaryDirectory();
  const fresh = openStore({ directory });
  onTestFinished(() => fresh.close());
  await fresh.sessions.create(sampleSession('ses_a'));
  await fresh.secrets.put('ses_a', 'git.token', token);
  // A process that has not had it in the clear yet.
  const other = openStore({ directory });
  onTestFinished(() => other.close());
  const url = `https://x:${token}@host/`;
  const execution = {
    deliver: async () => ({ branch: url }),
    verify: async () => {
      const cause = new Error(`deep ${token}`);
      const middle = new Error('middle', { cause });
      throw new HoldfastError('GIT_FAILED', `git said ${url}`, { cause: middle, details: { said: [token] } });
    },
  };
  const sources = { withFiles: (_id: string, _signal: AbortSignal, work: () => Promise<unknown>) => work() };
  const deps = { execution, sources, store: other, untilAnswering: async () => undefined };
  const activities = createActivities(deps as unknown as ActivityDependencies);
  const env = new MockActivityEnvironment();
  const input = { sessionId: 'ses_a', tree: 't', verified: true, iteration: 0 };
  expect(await env.run(activities.deliver, input)).toEqual({ branch: 'https://[redacted:url-credentials]@host/' });
  const failure = await env.run(activities.verify, input).catch((error: unknown) => error as ApplicationFailure);
  expect(failure).toBeInstanceOf(ApplicationFailure);
  const told: string[] = [];
  for (let error = failure as Error | undefined; error !== undefined; error = error.cause as Error | undefined)
    told.push(error.message, error.stack ?? '', JSON.stringify((error as ApplicationFailure).details ?? []));
  expect(told.length).toBe(12);
  expect(told.join('\n')).not.toContain(token);
  expect(told.join('\n')).toContain('deep [redacted:git.token]');
});
