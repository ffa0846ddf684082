import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PlannedFault } from './faults.ts';
import type { JournalEntry } from './journal.ts';

/** The server in a process of its own, for tests that kill processes and for benchmarks. */
export interface ScriptedModelProcess {
  readonly url: string;
  readonly pid: number;
  journal(): Promise<readonly JournalEntry[]>;
  planFaults(faults: readonly Partial<PlannedFault>[]): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the server with the scenarios of a module (a path); `key` is the only one it takes. */
export async function spawnScriptedModel(
  scenarioModule: string,
  options: { readonly key?: string } = {},
): Promise<ScriptedModelProcess> {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  // Not among the arguments: tests look for the key there.
  const key = options.key === undefined ? {} : { SCRIPTED_MODEL_KEY: options.key };
  const child = spawn(process.execPath, [main, '--scenario-module', scenarioModule], {
    env: { ...process.env, ...key },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const line = await Promise.race([firstLine(child.stdout), exited]);
  if (typeof line !== 'string') throw new Error('the scripted model server did not start');
  const { url } = JSON.parse(line) as { url: string };
  return {
    url,
    pid: child.pid ?? 0,
    journal: async () => (await (await fetch(`${url}/__journal`)).json()) as readonly JournalEntry[],
    planFaults: async (faults) => {
      const answer = await fetch(`${url}/__faults`, {
        method: 'POST',
        body: JSON.stringify(faults),
      });
      if (!answer.ok) throw new Error(await answer.text());
    },
    stop: async () => {
      child.kill();
      await exited;
    },
  };
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<string | undefined> {
  for await (const line of createInterface({ input: stream })) return line;
  return undefined;
}
