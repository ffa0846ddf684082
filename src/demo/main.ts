import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { demoFiles, demoPrompt, demoSkill } from './demo-repository.ts';
import { DemoServer } from './demo-server.ts';
import { startGitHttpServer } from './git-http-server.ts';
import { say, step } from './narrator.ts';
import { startWebhookInbox } from './webhook-inbox.ts';

const help = `npm run demo [-- --kill] [-- --keep]

Runs Holdfast's whole job on embedded defaults: a task and a repository over HTTP, a question before the start, the freeze,
the agent in the sandbox, the server's own checks, a commit that is pushed, a report, signed webhooks.

  --kill   kills the worker with SIGKILL in the middle of the agent's work
  --keep   leaves the server running afterwards, until Ctrl-C

Without LLM_API_KEY the model is the scripted demo model: no AI, it replays a fixed script. Everything else is real.`;

/** The answer to what the preflight asks. */
const answers = { inputs: { separator: '-' } };

const { values: options } = parseArgs({
  options: {
    kill: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) say(help);
else process.exitCode = (await demo(options.kill, options.keep)) ? 0 : 1;

/** The demo; true when everything it claims was seen. */
async function demo(kill: boolean, keep: boolean): Promise<boolean> {
  const dataDir = resolve(process.env['DATA_DIR'] ?? join('.holdfast', 'demo'));
  mkdirSync(dataDir, { recursive: true });
  const token = randomBytes(12).toString('hex');
  const inbox = await startWebhookInbox();
  const git = await startGitHttpServer({ root: join(dataDir, 'git'), user: 'demo', token });
  const name = `slugify-${Date.now().toString(36)}`;
  const repoUrl = await git.createRepository(name, demoFiles);
  step('A small repository with a failing test', `${repoUrl} (smart HTTP, Basic authentication)`);
  const server = await DemoServer.start(dataDir);
  step('Holdfast is up', `API ${server.url}, Temporal Web UI ${server.uiUrl}, model: ${server.model}`);
  try {
    const source = { repoUrl, credentials: { username: 'demo', token } };
    const task = {
      userPrompt: demoPrompt,
      skillText: demoSkill,
      source,
      webhook: { url: inbox.url, secret: inbox.secret },
    };
    const sessionId = await runTask(server, task, kill);
    const seen = await verdict(server, sessionId, git.pathOf(name), inbox);
    if (keep) await untilInterrupted();
    return seen;
  } finally {
    await server.stop();
    await git.close();
    await inbox.close();
  }
}

/** The session from creation to its end, told as it happens. */
async function runTask(server: DemoServer, task: object, kill: boolean): Promise<string> {
  const { sessionId } = await server.call<{ sessionId: string }>('POST', '/api/sessions', task);
  step('POST /api/sessions', `${sessionId}, state INIT`);
  const path = `/api/sessions/${sessionId}`;
  const first = await server.call<Preflight>('POST', `${path}/preflight`, {});
  step('POST …/preflight', `canProceed: ${first.canProceed}; missing: ${first.missingInfo.join('; ') || 'nothing'}`);
  const refused = await server.refusal('POST', `${path}/execute`, {});
  step('POST …/execute is refused', refused);
  const second = await server.call<Preflight>('POST', `${path}/preflight`, answers);
  step('POST …/preflight with the answer', `canProceed: ${second.canProceed}`);
  const { snapshot } = await server.call<{ snapshot: { digest: string; filesFrozen: number } }>(
    'POST',
    `${path}/execute`,
    {},
  );
  step('POST …/execute: frozen', `${snapshot.digest}, ${snapshot.filesFrozen} files`);
  await follow(server, sessionId, kill);
  return sessionId;
}

interface Preflight {
  readonly canProceed: boolean;
  readonly missingInfo: readonly string[];
}

interface EventItem {
  readonly seq: number;
  readonly type: string;
  readonly state: string;
  readonly stage: string;
  readonly data: { readonly turn?: number; readonly pause?: { readonly message: string; readonly remedy: string } };
}

async function follow(server: DemoServer, sessionId: string, kill: boolean): Promise<void> {
  let afterSeq = 0;
  let armed = kill;
  for (;;) {
    const path = `/api/sessions/${sessionId}/events?afterSeq=${afterSeq}`;
    const { items } = await server.call<{ items: readonly EventItem[] }>('GET', path);
    for (const event of items) {
      afterSeq = event.seq;
      const detail =
        event.type === 'turn'
          ? `turn ${event.data.turn} committed`
          : event.type === 'plan'
            ? 'the plan changed'
            : event.stage;
      step(`${event.state}`, detail);
      if (event.state === 'PAUSED') throw new Error(`paused: ${event.data.pause?.message} ${event.data.pause?.remedy}`);
      if (event.state === 'COMPLETE' || event.state === 'FAILED') return;
      if (armed && event.type === 'turn' && (event.data.turn ?? 0) >= 3) {
        armed = false;
        step('kill -9', `worker ${server.killWorker()} is dead; nothing is told to anybody`);
      }
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

interface Report {
  readonly outcome: string;
  readonly branch: string;
  readonly commit: string;
  readonly tree: string;
  readonly verified: boolean;
  readonly checks: readonly { readonly command: string; readonly verdict: string }[];
}

/** Looks at the results from outside: the remote, the report, the webhooks. */
async function verdict(
  server: DemoServer,
  sessionId: string,
  repository: string,
  inbox: Awaited<ReturnType<typeof startWebhookInbox>>,
): Promise<boolean> {
  const report = await server.call<Report>('GET', `/api/sessions/${sessionId}/report`);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'safe.directory=*', '--git-dir', repository, ...args], { encoding: 'utf8' });
  const remote = git('ls-remote', repository, `refs/heads/${report.branch}`).split('\t')[0] ?? '';
  for (const { command, verdict: judged } of report.checks) step(`The server ran \`${command}\``, judged);
  step('git ls-remote', `${remote} ${report.branch}`);
  step('The report names', `${report.commit}, tree ${report.tree}`);
  await inbox.until(({ status }) => status === 'completed' || status === 'failed');
  step('Webhooks', `${inbox.verified()} of ${inbox.count()} verified with the standardwebhooks package`);
  const good =
    report.outcome === 'COMPLETE' && report.verified && remote === report.commit && inbox.verified() === inbox.count();
  say('');
  say(good ? 'All of it was seen. Look at:' : 'NOT everything was as it should be. Look at:');
  say(`  Temporal Web UI   ${server.uiUrl}/namespaces/default/workflows/${encodeURIComponent(`session/${sessionId}`)}`);
  say(`  the session       curl ${server.url}/api/sessions/${sessionId}`);
  say(`  the report        curl -H 'Accept: text/markdown' ${server.url}/api/sessions/${sessionId}/report`);
  say(`  the commit        git --git-dir ${repository} show ${report.commit}`);
  say(`  (to have the server back: DATA_DIR=${dirname(repository).replace(/\/git$/, '')} npm start)`);
  return good;
}

function untilInterrupted(): Promise<void> {
  say('The server keeps running; Ctrl-C ends it.');
  return new Promise((done) => process.once('SIGINT', () => done()));
}
