import { expect, onTestFinished, test, vi } from 'vitest';
import type { ModelProvider } from '../../src/domain/model-spec.ts';
import type { Conversation, Turn } from '../support/scripted-model/scenario.ts';
import { runnerSetting, SESSION } from '../activities/runner-setting.ts';

const providers = ['anthropic', 'openai', 'openai-responses'] as const satisfies ModelProvider[];
const echo = (line: string): Turn => ({ tools: [{ name: 'bash', args: { command: `echo ${line} >> log` } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };
const turns = [echo('1'), echo('2'), submit];

const troubles = [
  ['a refused key', { kind: 'status', status: 401 }, { code: 'MODEL_AUTH_FAILED' }],
  ['a rate limit', { kind: 'status', status: 429, retryAfter: 7 }, { code: 'MODEL_RATE_LIMITED', retryAfterMs: 7000 }],
  [
    'a rate limit until a date',
    { kind: 'status', status: 429, retryAfter: 'Thu, 01 Jan 2099 00:00:00 GMT' },
    { code: 'MODEL_RATE_LIMITED', retryAfterMs: 86_400_000 },
  ],
  [
    'a rate limit in milliseconds',
    { kind: 'status', status: 429, retryAfterMs: 1234, retryAfter: 9 },
    { code: 'MODEL_RATE_LIMITED', retryAfterMs: 1234 },
  ],
  ['a failing server', { kind: 'status', status: 500 }, { code: 'MODEL_UNAVAILABLE' }],
  [
    'a provider that has too much to do',
    { kind: 'status', status: 529, retryAfter: 2 },
    { code: 'MODEL_UNAVAILABLE', retryAfterMs: 2000 },
  ],
  ['a refused request', { kind: 'status', status: 400 }, { code: 'MODEL_REJECTED' }],
  ['a cut reply', { kind: 'cut', afterEvents: 2 }, { code: 'MODEL_UNAVAILABLE' }],
  ['a stalled reply', { kind: 'stall', afterEvents: 2 }, { code: 'MODEL_UNAVAILABLE' }],
  ['a malformed reply', { kind: 'malformed', atEvent: 2 }, { code: 'MODEL_UNAVAILABLE' }],
] as const;

test.each(providers.flatMap((provider) => troubles.map((trouble) => [provider, ...trouble] as const)))(
  '%s: %s is told as what it is, and the next attempt sends the same request and goes on',
  async (provider, _, fault, expected) => {
    const { chunk, model, file, store } = await runnerSetting({ turns }, provider);
    model.faults.plan({ turn: 1, fault });
    const printed = vi.spyOn(console, 'error');
    onTestFinished(() => printed.mockRestore());
    const error: unknown = await chunk().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ ...expected, details: { turns: 1 } });
    expect((error as { retryAfterMs?: number }).retryAfterMs).toBe(
      'retryAfterMs' in expected ? expected.retryAfterMs : undefined,
    );
    // The failed reply leaves nothing behind: the records end with the finished turn.
    const kept = await store.journal.latest(SESSION);
    expect(await store.journal.transcript(SESSION)).toHaveLength(kept?.seq ?? 0);
    const end = await chunk();
    expect(end).toMatchObject({ outcome: 'submitted', turns: 3 });
    expect(await file(end.tree, 'log')).toBe('1\n2\n');
    const [failed, repeated, ...more] = model.journal().filter(({ turn }) => turn === 1);
    expect(more).toEqual([]);
    expect(failed?.outcome).not.toBe('ok');
    expect(repeated).toMatchObject({ outcome: 'ok', bodySha256: failed?.bodySha256 });
    expect(model.journal()).toHaveLength(4);
    expect(printed).not.toHaveBeenCalled();
  },
);

test.each(providers)('%s: a key that is refused is replaced by another one in the next attempt', async (provider) => {
  const { chunk, model } = await runnerSetting({ turns }, provider);
  await chunk({ maxTurns: 1 });
  await expect(chunk({ modelKey: 'rotated-away' })).rejects.toMatchObject({ code: 'MODEL_AUTH_FAILED' });
  expect(await chunk({ modelKey: 'key' })).toMatchObject({ outcome: 'submitted', turns: 3 });
  expect(model.journal().map(({ status }) => status)).toEqual([200, 401, 200, 200]);
});

test.each(providers)(
  '%s: calls whose arguments are a torso, because the tokens ran out, are not run, and the agent goes on',
  async (provider) => {
    const run = async (maxTurns: number) => {
      const asked: string[] = [];
      const scenario = ({ turn, lastResults }: Conversation): Turn => {
        asked.push(...lastResults);
        if (turn === 1)
          return { tools: [...(echo('torn').tools ?? []), ...(echo('cut').tools ?? [])], outOfTokens: true };
        return turn < 4 ? echo(String(turn)) : submit;
      };
      const { toTheEnd, file, model } = await runnerSetting({ turns: scenario }, provider);
      const end = await toTheEnd({ maxTurns });
      expect(end.turns).toBe(5);
      expect(await file(end.tree, 'log')).toBe('0\n2\n3\n');
      expect(asked.filter((text) => text.includes('was not executed'))).toHaveLength(2);
      return model.journal().map(({ bodySha256 }) => bodySha256);
    };
    expect(await run(1)).toEqual(await run(100));
  },
);
