import { expect, test } from 'vitest';
import type { ModelProvider } from '../../src/domain/model-spec.ts';
import { totalTokens } from '../../src/domain/usage.ts';
import { ended, startAttempt } from '../activities/attempt-process.ts';
import { runnerSetting, SESSION, type RunnerSetting } from '../activities/runner-setting.ts';
import { until } from '../support/holdfast.ts';
import type { Conversation, Scenario, Turn } from '../support/scripted-model/scenario.ts';

const providers = ['anthropic', 'openai', 'openai-responses'] as const satisfies ModelProvider[];
const WORK = 7;
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };
const SUMMARY = 'Some of it is done.';
/** A turn grows the context by some 2,000 tokens; what is summarized is forgotten, so the work is counted by its own file. */
const work = ({ lastResults }: Conversation): Turn =>
  Number(lastResults[0] ?? 0) < WORK
    ? { text: 'x'.repeat(8000), tools: [{ name: 'bash', args: { command: 'echo x >> log; wc -l < log' } }] }
    : submit;
const scenario: Scenario = { turns: work, summary: SUMMARY };
const small = { model: { contextWindow: 10_000 } };
const setting = (provider: ModelProvider = 'anthropic', changes: Partial<Scenario> = {}) =>
  runnerSetting({ ...scenario, ...changes }, provider, small);

/** Every request in order: what for, and its bytes. */
const requests = ({ model }: RunnerSetting) => model.journal().map(({ asked, bodySha256 }) => `${asked} ${bodySha256}`);

const undisturbed = new Map<ModelProvider, { readonly requests: readonly string[]; readonly tokens: number }>();
async function undisturbedRun(provider: ModelProvider = 'anthropic') {
  const known = undisturbed.get(provider);
  if (known !== undefined) return known;
  const whole = await setting(provider);
  expect(await whole.chunk()).toMatchObject({ outcome: 'submitted', turns: WORK + 1 });
  const run = { requests: requests(whole), tokens: totalTokens(await whole.store.journal.usage(SESSION)) };
  expect(run.requests.filter((request) => request.startsWith('summary')).length).toBeGreaterThan(0);
  undisturbed.set(provider, run);
  return run;
}

/** The session has come to the same end, by the same requests: each answered as often as is allowed, and all of them paid for. */
async function expectSame(run: RunnerSetting, repeated = 0): Promise<void> {
  const { requests: expected, tokens } = await undisturbedRun();
  const made = requests(run);
  expect([...new Set(made)]).toEqual(expected);
  expect(made.length - expected.length).toBeLessThanOrEqual(repeated);
  const end = await run.chunk();
  expect(end).toMatchObject({ outcome: 'submitted', turns: WORK + 1 });
  expect(await run.file(end.tree, 'log')).toBe('x\n'.repeat(WORK));
  if (repeated === 0) expect(totalTokens(await run.store.journal.usage(SESSION))).toBe(tokens);
}

test.each(providers)('%s: chunks of one, two or three turns make the same requests and summaries', async (provider) => {
  const expected = await undisturbedRun(provider);
  for (const maxTurns of [1, 2, 3]) {
    const chunked = await setting(provider);
    await chunked.toTheEnd({ maxTurns });
    expect(requests(chunked)).toEqual(expected.requests);
    expect(totalTokens(await chunked.store.journal.usage(SESSION))).toBe(expected.tokens);
  }
});

test('a summary that the provider fails to give is asked for again, with the wait it wants, and nothing else changes', async () => {
  const run = await setting();
  run.model.faults.plan([
    { asked: 'summary', fault: { kind: 'status', status: 429, retryAfter: 3 } },
    { asked: 'summary', fault: { kind: 'cut', afterEvents: 2 } },
    { asked: 'summary', fault: { kind: 'stall', afterEvents: 2 } },
  ]);
  await expect(run.chunk()).rejects.toMatchObject({ code: 'MODEL_RATE_LIMITED', retryAfterMs: 3000 });
  for (const _ of ['cut', 'stalled']) await expect(run.chunk()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  await run.chunk();
  await expectSame(run, 3);
});

/** Which append of the journal is the first summary's: each turn makes two, its reply and its result. */
async function firstSummary(): Promise<number> {
  const { requests: made } = await undisturbedRun();
  return 2 * made.findIndex((request) => request.startsWith('summary')) + 1;
}

test.each([
  ['before a summary is recorded', 'before', 0, 1],
  ['between a summary and the request that is made of it', 'after', 0, 0],
  ['after the reply to that request is recorded', 'after', 1, 0],
] as const)('kill -9 %s: the requests are those of the undisturbed run', async (_, moment, later, repeated) => {
  const run = await setting();
  expect(await ended(startAttempt(run, `${moment}-append-${(await firstSummary()) + later}`))).toBe('SIGKILL');
  await run.chunk();
  await expectSame(run, repeated);
});

test.each([
  ['while a summary is being made', 'summary'],
  ['while the first request after a summary is in flight', 'turn'],
] as const)('kill -9 %s repeats this one request and nothing else', async (_, which) => {
  let isAsked = false;
  const run = await setting('anthropic', {
    summary: () => {
      isAsked ||= which === 'summary';
      return SUMMARY;
    },
    turns: (conversation) => {
      isAsked ||= which === 'turn' && conversation.userMessages.some((text) => text.includes(SUMMARY));
      return work(conversation);
    },
    ttftMs: 300,
  });
  const child = startAttempt(run, 'never');
  await until(() => isAsked);
  child.kill('SIGKILL');
  expect(await ended(child)).toBe('SIGKILL');
  await run.chunk();
  await expectSame(run, 1);
});

/** How each provider says that a request is too long. */
const overflows = [
  ['anthropic', 400, 'prompt is too long: 213462 tokens > 200000 maximum'],
  ['anthropic', 413, 'request_too_large: Request exceeds the maximum size'],
  [
    'openai',
    400,
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 140000 tokens.",
  ],
  ['openai', 400, 'context_length_exceeded'],
  [
    'openai-responses',
    400,
    'Your input exceeds the context window of this model. Please adjust your input and try again.',
  ],
] as const;

test.each(overflows)(
  '%s: after "%d %s" the context is summarized and the turn asked for once more',
  async (...overflow) => {
    const [provider, status, message] = overflow;
    const { chunk, file, model, store } = await setting(provider);
    await chunk({ maxTurns: 2 });
    model.faults.plan({ asked: 'turn', fault: { kind: 'status', status, message } });
    expect(await chunk({ maxTurns: 1 })).toMatchObject({ outcome: 'more', turns: 3 });
    expect(model.journal().map(({ asked, status: answered }) => `${asked} ${answered}`)).toEqual([
      'turn 200',
      'turn 200',
      `turn ${status}`,
      'summary 200',
      'turn 200',
    ]);
    // Whatever comes next is sent what a run that was not interrupted would have sent.
    const end = await chunk();
    expect(await file(end.tree, 'log')).toBe('x\n'.repeat(WORK));
    expect((await store.journal.latest(SESSION))?.turn).toBe(WORK + 1);
  },
);

test('a request that is too long even then is given back to people, and goes on when it is cured', async () => {
  const { chunk, model } = await setting();
  await chunk({ maxTurns: 2 });
  const fault = { kind: 'status', status: 400, message: 'prompt is too long: 2 tokens > 1 maximum' } as const;
  model.faults.plan({ asked: 'turn', times: 2, fault });
  await expect(chunk()).rejects.toMatchObject({ code: 'MODEL_REJECTED', message: expect.stringContaining('too long') });
  expect(model.journal().map(({ asked }) => asked)).toEqual(['turn', 'turn', 'turn', 'summary', 'turn']);
  expect(await chunk()).toMatchObject({ outcome: 'submitted' });
});

test('a request that is too long with nothing to summarize is given back at once', async () => {
  const { chunk, model } = await setting();
  model.faults.plan({ fault: { kind: 'status', status: 400, message: 'prompt is too long: 2 tokens > 1 maximum' } });
  await expect(chunk()).rejects.toMatchObject({ code: 'MODEL_REJECTED' });
  expect(model.journal()).toHaveLength(1);
});
