import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SessionManager } from '@earendil-works/pi-coding-agent';
import { openAgentSession } from '../src/agent/agent-session.ts';
import { NoInteractionExtension } from '../src/agent/no-interaction-extension.ts';
import { StopSignal } from '../src/agent/stop-signal.ts';
import { systemPromptFor } from '../src/agent/system-prompt.ts';
import { agentTools } from '../src/agent/tools/agent-tools.ts';
import { whitelistFor } from '../src/domain/tools.ts';
import { createModel } from '../src/model/provider.ts';
import { Redactor } from '../src/redaction/redactor.ts';
import { createSandbox } from '../src/sandbox/create-sandbox.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { median, ms, print, title } from './figure.ts';
import { KEY, makeFiles, openBenchSession } from './holdfast-run.ts';
import { inDirectory } from './in-directory.ts';
import { TURNS } from './scenarios.ts';

interface Run {
  readonly sandbox: Sandbox;
  readonly directory: string;
  readonly modelUrl: string;
  readonly scenario: string;
  readonly files: number;
}

/** Wall time per turn, and per chunk of turns: the bare pi SDK against the same task in Holdfast with journal, checkpoints and fencing. */
export async function benchTurnCost(modelUrl: string): Promise<void> {
  const sandbox = createSandbox({ mode: 'bwrap' });
  for (const [scenario, latency] of [
    ['instant', 0],
    ['thinking', 500],
  ] as const) {
    const target = latency === 0 ? '≤ 80 ms more at 5,000 files' : '< 5 ms more';
    title(`Per turn, ${TURNS} turns of one sandboxed command each, model latency ${latency} ms (target ${target})`);
    for (const files of [100, 5000, 50_000]) {
      const setting = { sandbox, modelUrl, scenario, files };
      const bare = await inDirectory((directory) => runBare({ ...setting, directory }));
      const ours = await inDirectory((directory) => runHoldfast({ ...setting, directory }));
      const more = `+${ms(ours.turn - bare)}, ×${(ours.turn / bare).toFixed(2)}`;
      print(`${files} files: bare pi SDK; Holdfast`, `${ms(bare)}; ${ms(ours.turn)} (${more})`);
      print(`${files} files: the border of a chunk, once in TURNS_PER_CHUNK`, ms(ours.border));
    }
  }
  sandbox.dispose();
}

async function runBare({ sandbox, directory, modelUrl, scenario, files }: Run): Promise<number> {
  const workspace = join(directory, 'bare');
  mkdirSync(workspace);
  makeFiles(workspace, files);
  await sandbox.adopt(workspace);
  const spec = { workspace };
  const tools = whitelistFor([], []);
  const session = await openAgentSession({
    cwd: sandbox.workspacePath(spec),
    access: createModel({ provider: 'anthropic', id: scenario, baseUrl: modelUrl, thinkingLevel: 'off' }, KEY),
    thinkingLevel: 'off',
    systemPrompt: systemPromptFor({ tools, acceptance: [], sandbox: { network: 'none' } }),
    tools,
    customTools: agentTools({
      whitelist: tools,
      sandbox,
      spec,
      leftWallMs: () => Infinity,
      onPlan: async () => undefined,
      redactor: new Redactor(),
    }),
    noInteraction: new NoInteractionExtension(new StopSignal(), () => 0),
    sessionManager: SessionManager.inMemory(workspace),
  });
  const started = performance.now();
  await session.prompt('go', { expandPromptTemplates: false, source: 'rpc' });
  const took = performance.now() - started;
  session.dispose();
  return took / TURNS;
}

/**
 * Without the first turn, which brings the files in: that is the restore, and is measured by itself. What a chunk costs besides its turns
 * is told apart by chunks of a single turn.
 */
async function runHoldfast(setting: Run): Promise<{ readonly turn: number; readonly border: number }> {
  const session = await openBenchSession(setting);
  const run = session.worker('one');
  const timed = async (turns: number): Promise<number> => {
    const started = performance.now();
    await run(turns);
    return performance.now() - started;
  };
  await run(1);
  const single = median([await timed(1), await timed(1), await timed(1)]);
  const left = TURNS - 4;
  const turn = ((await timed(left)) - single) / (left - 1);
  session.store.close();
  return { turn, border: single - turn };
}
