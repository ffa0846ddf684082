import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGitHttpServer, type Fault, type GitHttpServer } from '../../src/demo/git-http-server.ts';
import { canary, leaksOf } from './canary-scan.ts';
import { Holdfast } from './holdfast.ts';
import { spawnScriptedModel, type ScriptedModelProcess } from './scripted-model/process.ts';
import { startWebhookReceiver, type WebhookReceiver } from './webhook-receiver.ts';

/** Looked for: none of these may show up anywhere. */
export const canaries = {
  modelKey: canary('model-key'),
  gitToken: canary('git-token'),
  webhookSecret: `whsec_${randomBytes(32).toString('base64')}`,
};

/** Everything around a Holdfast: git over authenticated HTTP, the scripted model as a process, a webhook endpoint. */
export interface Setting {
  readonly holdfast: Holdfast;
  readonly model: ScriptedModelProcess;
  readonly git: GitHttpServer;
  readonly webhooks: WebhookReceiver;
  /** Where the repositories lie. */
  readonly remotes: string;
  /** A request for a session with a scenario on a repository. */
  readonly request: (scenario: string, repoUrl: string, changes?: object) => object;
  /** The content of a file at a branch of a repository; null when it is not there. */
  readonly fileAt: (repository: string, branch: string, path: string) => string | null;
  /** `git ls-remote` of a branch. */
  readonly remoteSha: (repository: string, branch: string) => string | null;
  /** Ends everything. Fails when one of the {@link canaries} is in what Holdfast wrote, logged or sent. */
  stop(): Promise<void>;
}

/** What a setting is made of besides Holdfast's configuration. */
export interface SettingOptions {
  /** The module with the model's scenarios; default: those of the end-to-end tests. */
  readonly scenarios?: string;
  /** Lets the model take any key, so that a test can tell sessions by theirs. */
  readonly anyKey?: boolean;
  /** The checkout that Holdfast is started from; default: this one. */
  readonly checkout?: string | undefined;
  /** The token that opens the repositories at that moment; default: always that of the canaries. */
  readonly gitToken?: () => string;
  /** What git's server does instead of its work. */
  readonly gitFault?: Fault;
}

/** Starts everything; `env` adds to Holdfast's configuration. */
export async function startSetting(
  env: Readonly<Record<string, string>> = {},
  {
    scenarios = join(import.meta.dirname, '..', 'e2e', 'scenarios.ts'),
    anyKey,
    checkout,
    gitToken = () => canaries.gitToken,
    gitFault = () => null,
  }: SettingOptions = {},
): Promise<Setting> {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-setting-'));
  chmodSync(root, 0o755);
  const model = await spawnScriptedModel(scenarios, anyKey ? {} : { key: canaries.modelKey });
  const git = await startGitHttpServer({ root, user: 'git', token: gitToken, fault: gitFault });
  const webhooks = await startWebhookReceiver({ secret: () => canaries.webhookSecret });
  const models = { LLM_PROVIDER: 'anthropic', LLM_BASE_URL: model.url, LLM_API_KEY: canaries.modelKey };
  const holdfast = await Holdfast.start({ ...models, WEBHOOK_BACKOFF_MS: '100', ...env }, checkout);
  const read = (repository: string, ...args: string[]): string | null => {
    try {
      const options = ['-c', 'safe.directory=*', '--git-dir', git.pathOf(repository)];
      return execFileSync('git', [...options, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    } catch {
      return null;
    }
  };
  return {
    holdfast,
    model,
    git,
    webhooks,
    remotes: root,
    request: (scenario, repoUrl, changes = {}) => ({
      userPrompt: `Do what the scenario ${scenario} says.`,
      source: { repoUrl, credentials: { username: 'git', token: canaries.gitToken } },
      model: { id: scenario },
      webhook: { url: webhooks.url, secret: canaries.webhookSecret },
      auto: true,
      ...changes,
    }),
    fileAt: (repository, branch, path) => read(repository, 'show', `${branch}:${path}`),
    remoteSha: (repository, branch) =>
      read(repository, 'rev-parse', '--verify', '-q', `refs/heads/${branch}`)?.trim() ?? null,
    stop: async () => {
      await holdfast.drain();
      const leaks = leaksOf(holdfast, { answers: [], webhooks: webhooks.received }, canaries);
      await holdfast.stop();
      await model.stop();
      await git.close();
      await webhooks.close();
      rmSync(root, { recursive: true, force: true });
      if (leaks.length > 0) throw new Error(`Secrets were found: ${leaks.join(', ')}`);
    },
  };
}
