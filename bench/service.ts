import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGitHttpServer } from '../src/demo/git-http-server.ts';
import { workflowIdOf } from '../src/domain/session.ts';
import { createClient } from '../src/temporal/connection.ts';
import { Holdfast, until, type ProcessName } from '../test/support/holdfast.ts';
import type { ScriptedModelProcess } from '../test/support/scripted-model/process.ts';
import { median, ms, print, title } from './figure.ts';

const ROUNDS = 5;
const MANY = 50;
const victimSets: readonly (readonly ProcessName[])[] = [
  ['worker'],
  ['api'],
  ['temporal'],
  ['main', 'worker', 'api', 'temporal'],
];
const processes: readonly ProcessName[] = ['main', 'worker', 'api', 'temporal'];

/** The whole service: how fast it starts on a task, how fast it is back after a kill, and what it weighs. */
export async function benchService(model: ScriptedModelProcess): Promise<void> {
  const holdfast = await Holdfast.start({ LLM_BASE_URL: model.url, LLM_API_KEY: 'bench-key', LOG_LEVEL: 'warn' });
  const git = await startGitHttpServer({ root: join(holdfast.dataDir, 'git'), user: 'git', token: 'bench-token' });
  const repoUrl = await git.createRepository('bench', { 'README.md': '# bench\n' });
  const source = { repoUrl, credentials: { username: 'git', token: 'bench-token' } };
  const create = (id: string) => holdfast.create({ userPrompt: 'go', source, auto: true, model: { id } });
  try {
    await benchMemory(holdfast, 'idle');
    await benchStart(model, create, holdfast);
    await benchRecovery(model, create, holdfast);
    const ids = await Promise.all(Array.from({ length: MANY }, () => create('patient')));
    await until(async () => {
      const sessions = await Promise.all(ids.map((id) => holdfast.session(id)));
      return sessions.every(({ usage }) => usage.turns >= 3);
    }, 120_000);
    await benchMemory(holdfast, `${MANY} sessions at work (target: worker ≤ 600 MB, no missed heartbeat)`);
    print('attempts beyond the first of any running activity', String(await repeatedAttempts(holdfast, ids)));
    await Promise.all(ids.map((id) => holdfast.call('POST', `/api/sessions/${id}/abort`, {})));
    await Promise.all(ids.map((id) => holdfast.reach(id, 'FAILED', 'COMPLETE')));
  } finally {
    await holdfast.stop();
    await git.close();
  }
}

async function benchStart(
  model: ScriptedModelProcess,
  create: (id: string) => Promise<string>,
  holdfast: Holdfast,
): Promise<void> {
  title(`From create to the first model request, ${ROUNDS} sessions one after the other`);
  const [contract, turn]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = Date.now();
    const id = await create('instant');
    await holdfast.reach(id, 'COMPLETE', 'FAILED');
    const mine = (await model.journal()).filter(({ at }) => at >= started);
    contract.push((mine.find(({ asked }) => asked === 'contract')?.at ?? Number.NaN) - started);
    turn.push((mine.find(({ asked }) => asked === 'turn')?.at ?? Number.NaN) - started);
  }
  print('to the contract request (median, max)', `${ms(median(contract))}, ${ms(Math.max(...contract))}`);
  print('to the first turn of the agent (median, max)', `${ms(median(turn))}, ${ms(Math.max(...turn))}`);
}

async function benchRecovery(
  model: ScriptedModelProcess,
  create: (id: string) => Promise<string>,
  holdfast: Holdfast,
): Promise<void> {
  title(
    `From kill -9 to the next successful model request, and until the API is ready, ${ROUNDS} kills each (target for the worker ≤ 3 s)`,
  );
  for (const victims of victimSets) {
    const [took, ready]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = await create('patient');
      await until(async () => (await holdfast.session(id)).usage.turns >= 3);
      const killed = Date.now();
      await holdfast.kill(...victims);
      if (victims.includes('main')) await holdfast.start();
      const dead = Date.now();
      const next = async () => (await model.journal()).find(({ asked, at }) => asked === 'turn' && at > dead);
      const isReady = until(() => holdfast.isReady()).then(() => ready.push(Date.now() - killed));
      await until(async () => (await next()) !== undefined);
      took.push(((await next())?.at ?? Number.NaN) - killed);
      await isReady;
      await holdfast.call('POST', `/api/sessions/${id}/abort`, {});
      await holdfast.reach(id, 'FAILED', 'COMPLETE');
    }
    print(
      `${victims.length > 1 ? 'everything' : victims.join()} (median, max)`,
      `${ms(median(took))}, ${ms(Math.max(...took))}; ready after ${ms(median(ready))}, ${ms(Math.max(...ready))}`,
    );
  }
}

async function benchMemory(holdfast: Holdfast, when: string): Promise<void> {
  title(`Resident memory, ${when}`);
  const sizes = processes.map((name) => residentMegabytes(holdfast.pid(name)));
  for (const [index, name] of processes.entries()) print(name, `${sizes[index]?.toFixed(0)} MB`);
  print('together', `${sizes.reduce((sum, size) => sum + size, 0).toFixed(0)} MB`);
}

/** An attempt that misses its heartbeat is repeated. */
async function repeatedAttempts(holdfast: Holdfast, ids: readonly string[]): Promise<number> {
  const client = createClient({ connectionOptions: { address: holdfast.temporalAddress }, namespace: 'default' });
  const described = await Promise.all(ids.map((id) => client.workflow.getHandle(workflowIdOf(id)).describe()));
  await client.connection.close();
  const pending = described.flatMap(({ raw }) => raw.pendingActivities ?? []);
  return pending.filter(({ attempt }) => Number(attempt) > 1).length;
}

function residentMegabytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
