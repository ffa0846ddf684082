import { expect, onTestFinished, test, vi } from 'vitest';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { runnerSetting, SESSION } from '../activities/runner-setting.ts';

const echo = (line: string): Turn => ({ tools: [{ name: 'bash', args: { command: `echo ${line} >> log` } }] });
const turns = [echo('1'), echo('2'), { tools: [{ name: 'submit_result', args: { summary: 's' } }] }];

const troubles = [
  ['a refused key', { kind: 'status', status: 401 }, { code: 'MODEL_AUTH_FAILED' }],
  ['a rate limit', { kind: 'status', status: 429, retryAfter: 7 }, { code: 'MODEL_RATE_LIMITED', retryAfterMs: 7000 }],
  ['a failing server', { kind: 'status', status: 500 }, { code: 'MODEL_UNAVAILABLE' }],
  ['a cut reply', { kind: 'cut', afterEvents: 2 }, { code: 'MODEL_UNAVAILABLE' }],
  ['a stalled reply', { kind: 'stall', afterEvents: 2 }, { code: 'MODEL_UNAVAILABLE' }],
  ['a malformed reply', { kind: 'malformed', atEvent: 2 }, { code: 'MODEL_UNAVAILABLE' }],
] as const;

test.each(
  (['anthropic', 'openai', 'openai-responses'] as const).flatMap((provider) =>
    troubles.map((trouble) => [provider, ...trouble] as const),
  ),
)(
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
