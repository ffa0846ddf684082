import { startGitHttpServer } from '../src/demo/git-http-server.ts';
import { workflowIdOf } from '../src/domain/session.ts';
import { createClient } from '../src/temporal/connection.ts';
import { Holdfast } from '../test/support/holdfast.ts';
import type { ScriptedModelProcess } from '../test/support/scripted-model/process.ts';
import { ms, print, title } from './figure.ts';
import { inDirectory } from './in-directory.ts';
import { LONG } from './scenarios.ts';

const LIMITS = { maxSteps: 2 * LONG };

/** A session of a thousand turns in the whole service: it continues as new, compacts its context, and stays flat. */
export async function benchThousandTurns(model: ScriptedModelProcess): Promise<void> {
  title(`A session of ${LONG} turns in the whole service, model latency 0 ms`);
  await inDirectory(async (root) => {
    const git = await startGitHttpServer({ root, user: 'git', token: 'bench-token' });
    const holdfast = await Holdfast.start({
      LLM_BASE_URL: model.url,
      LLM_API_KEY: 'bench-key',
      LOG_LEVEL: 'warn',
      MAX_HISTORY_EVENTS: '150',
    });
    try {
      const repoUrl = await git.createRepository('long', { 'README.md': '# bench\n' });
      const source = { repoUrl, credentials: { username: 'git', token: 'bench-token' } };
      const body = { userPrompt: 'go', source, auto: true, model: { id: 'long' }, limits: LIMITS };
      const id = await holdfast.create(body);
      const done = await untilEnded(holdfast, id);
      print('it ended', `${done.state} after ${done.usage.turns} turns`);
      const turns = await turnTimes(holdfast, id);
      print(
        'per turn, the first 100 and the last 100',
        `${ms(perTurn(turns.slice(0, 101)))}, ${ms(perTurn(turns.slice(-101)))}`,
      );
      const transcript = (await holdfast.call('GET', `/api/sessions/${id}/transcript`)).body as string;
      print('compactions of the context', String(transcript.split('"type":"compaction"').length - 1));
      const histories = await historyLengths(holdfast, id);
      print('workflow runs; the longest history', `${histories.length}; ${Math.max(...histories)} events`);
    } finally {
      await holdfast.stop();
      await git.close();
    }
  });
}

async function untilEnded(holdfast: Holdfast, id: string): ReturnType<Holdfast['session']> {
  for (;;) {
    const session = await holdfast.session(id);
    if (['COMPLETE', 'FAILED', 'PAUSED'].includes(session.state)) return session;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function turnTimes(holdfast: Holdfast, id: string): Promise<number[]> {
  const times: number[] = [];
  for (let after = 0; ;) {
    const { body } = await holdfast.call('GET', `/api/sessions/${id}/events?afterSeq=${after}&limit=100`);
    const items = body.data.items as { readonly seq: number; readonly type: string; readonly at: number }[];
    times.push(...items.filter(({ type }) => type === 'turn').map(({ at }) => at));
    const last = items.at(-1);
    if (last === undefined) return times;
    after = last.seq;
  }
}

function perTurn(times: readonly number[]): number {
  return ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1);
}

async function historyLengths(holdfast: Holdfast, id: string): Promise<number[]> {
  const client = createClient({ connectionOptions: { address: holdfast.temporalAddress }, namespace: 'default' });
  const lengths: number[] = [];
  for await (const { historyLength } of client.workflow.list({ query: `WorkflowId = '${workflowIdOf(id)}'` }))
    lengths.push(historyLength ?? 0);
  await client.connection.close();
  return lengths;
}
