import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SessionManager } from '@earendil-works/pi-coding-agent';
import { ExecutionRunner } from '../src/activities/execution-runner.ts';
import { openAgentSession } from '../src/agent/agent-session.ts';
import { NoInteractionExtension } from '../src/agent/no-interaction-extension.ts';
import { StopSignal } from '../src/agent/stop-signal.ts';
import { systemPromptFor } from '../src/agent/system-prompt.ts';
import { agentTools } from '../src/agent/tools/agent-tools.ts';
import { toolNames } from '../src/domain/tools.ts';
import { GitManager } from '../src/git/git-manager.ts';
import { createModel } from '../src/model/provider.ts';
import { createSandbox } from '../src/sandbox/create-sandbox.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { openStore } from '../src/store/store.ts';
import { sampleSession, sampleSnapshot } from '../test/support/sample-task.ts';
import { ms, print, title } from './figure.ts';
import { TURNS } from './scenarios.ts';

const KEY = 'bench-key';

/** Wall time per turn: the bare pi SDK against the same task in Holdfast with journal, checkpoints and fencing. */
export async function benchTurnCost(modelUrl: string): Promise<void> {
  for (const [scenario, latency] of [
    ['instant', 0],
    ['thinking', 500],
  ] as const) {
    title(`Per turn, ${TURNS} turns of one command each, model latency ${latency} ms`);
    for (const mode of ['off', 'bwrap'] as const) {
      const sandbox = createSandbox({ mode });
      const bare = await inDirectory((directory) => runBare(sandbox, directory, modelUrl, scenario));
      const ours = await inDirectory((directory) => runHoldfast(sandbox, directory, modelUrl, scenario));
      const where = mode === 'off' ? 'not sandboxed' : 'sandboxed';
      print(`bare pi SDK, ${where}`, ms(bare / TURNS));
      print(`Holdfast, ${where}`, `${ms(ours / TURNS)}  (+${ms((ours - bare) / TURNS)}, ×${(ours / bare).toFixed(2)})`);
      sandbox.dispose();
    }
  }
}

async function runBare(sandbox: Sandbox, directory: string, modelUrl: string, scenario: string): Promise<number> {
  const workspace = join(directory, 'bare');
  mkdirSync(workspace);
  await sandbox.adopt(workspace);
  const spec = { workspace };
  const session = await openAgentSession({
    cwd: sandbox.workspacePath(spec),
    access: createModel({ provider: 'anthropic', id: scenario, baseUrl: modelUrl, thinkingLevel: 'off' }, KEY),
    thinkingLevel: 'off',
    systemPrompt: systemPromptFor({ tools: toolNames, acceptance: [] }),
    tools: toolNames,
    customTools: agentTools({ whitelist: toolNames, sandbox, spec, onPlan: async () => undefined }),
    noInteraction: new NoInteractionExtension(new StopSignal(), () => 0),
    sessionManager: SessionManager.inMemory(workspace),
  });
  const started = performance.now();
  await session.prompt('go', { expandPromptTemplates: false, source: 'rpc' });
  const took = performance.now() - started;
  session.dispose();
  return took;
}

async function runHoldfast(sandbox: Sandbox, directory: string, modelUrl: string, scenario: string): Promise<number> {
  const store = openStore({ directory: join(directory, 'store') });
  const git = new GitManager({ sandbox, directory: join(directory, 'work') });
  const source = join(directory, 'project');
  mkdirSync(source);
  await store.sessions.create(sampleSession('ses_bench'));
  const base = await git.prepare('ses_bench', { kind: 'directory', path: source });
  const snapshot = sampleSnapshot({
    sessionId: 'ses_bench',
    source: { kind: 'directory', path: source },
    base,
    model: { provider: 'anthropic', id: scenario, baseUrl: modelUrl, thinkingLevel: 'off' },
    limits: { maxSteps: 1000, maxIterations: 0 },
  });
  const runner = new ExecutionRunner({
    store,
    git,
    sandbox,
    streamIdleMs: 60_000,
    owner: { name: 'bench', isGone: () => false },
  });
  const chunk = {
    snapshot,
    maxTurns: 1000,
    maxChunkMs: 600_000,
    limits: snapshot.limits,
    feedback: null,
    modelKey: KEY,
  };
  const started = performance.now();
  await runner.runChunk(chunk, new AbortController().signal);
  const took = performance.now() - started;
  store.close();
  return took;
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  chmodSync(directory, 0o755);
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
