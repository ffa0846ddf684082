import { serve } from '@hono/node-server';
import { Credentials } from '../activities/credentials.ts';
import { forgeTransport } from '../activities/forge-transport.ts';
import { LeftBranches } from '../activities/left-branches.ts';
import { PullRequests } from '../activities/pull-request.ts';
import { SessionForges } from '../activities/session-forges.ts';
import { loadConfig, type Config } from '../config.ts';
import { mayBeAt } from '../domain/model-address.ts';
import { runProcess } from '../entry-point.ts';
import { armFaultPoints } from '../fault-point.ts';
import { removeSessionFiles } from '../git/session-files.ts';
import { probeRemote } from '../git/probe-remote.ts';
import { checkSource } from '../git/repository-url.ts';
import { createLogger, type Logger } from '../logger.ts';
import { isPriced } from '../model/catalogue.ts';
import { KnownSecrets } from '../redaction/known-secrets.ts';
import { Reaper } from '../reaper.ts';
import { openKeyRing, openStore, type Store } from '../store/store.ts';
import type { Secret } from '../secret.ts';
import { reportReady } from '../supervisor.ts';
import type { KeyRing } from '../sealing/key-ring.ts';
import { codecEndpoint } from '../temporal/codec-endpoint.ts';
import { createClient, temporalOptions } from '../temporal/connection.ts';
import { dataConverterFor } from '../temporal/data-converter.ts';
import { SealedPayloads } from '../temporal/payload-codec.ts';
import { registerSearchAttributes } from '../temporal/search-attributes.ts';
import { holdfastVersion } from '../version.ts';
import { createApp, type AppDeps } from './app.ts';
import { assertMayListen } from './auth.ts';
import type { CodecDeps } from './codec-routes.ts';
import { SessionManager } from './session-manager.ts';
import { checkWebhookUrl } from './webhook-url.ts';

const ORPHAN_RETRY_MS = 2000;

await runProcess(() => main(loadConfig(process.env)));

/** The API process: makes everything, listens, and starts what an API that died had not started. */
async function main(config: Config): Promise<void> {
  const known = new KnownSecrets();
  const logger = createLogger({ name: 'api', level: config.logLevel, redactor: () => known.all() });
  armFaultPoints(process.env['TEST_FAULT_POINTS'], 'api', (facts, message) => logger.warn(facts, message));
  const apiKeys = () => listed(config.apiKeys, (key) => known.learnOfServer('API_KEYS', key));
  assertMayListen(config.host, apiKeys());
  const stored = { directory: config.sessionsDir, masterKeys: config.masterKeys, known };
  const store = openStore(stored);
  const ring = config.temporal.isSealed ? openKeyRing(stored) : null;
  await (ring === null ? store.agreement.end() : store.agreement.join());
  const client = createClient(temporalOptions(`127.0.0.1:${config.temporal.port}`), dataConverterFor(ring));
  const { patience, maxHistoryEvents, webhook, limits, model, preflightTimeoutMs, workingDir } = config;
  const defaults = {
    taskQueue: config.temporal.taskQueue,
    patience,
    webhook: { retries: webhook.retries, backoffMs: webhook.backoffMs },
    maxHistoryEvents,
  };
  const sessions = new SessionManager({ client, store, defaults });
  const credentials = new Credentials(store, { spec: model, key: () => config.modelKey.reveal() });
  const branches = new LeftBranches({ store, credentials, settings: config });
  const reaper = new Reaper(store, branches, config);
  const app = createApp({
    store,
    sessions,
    defaults: { model, limits, preflightTimeoutMs },
    checks: checksFor(config, known),
    removeWorkspace: (id) => removeSessionFiles(workingDir, id),
    removeBranch: async (id) => {
      const warn = (error: unknown) => logger.warn({ id, error: String(error) }, 'the branch of a session is left');
      await branches.remove(id).catch(warn);
    },
    apiKeys,
    version: holdfastVersion,
    sandbox: config.sandbox.mode,
    log: logger,
    codec: codecOf(config, ring),
    forges: forgesFor(config, store, credentials),
    reaper,
  });
  const server = serve({ fetch: app.fetch, hostname: config.host, port: config.port }, ({ port }) => {
    logger.info({ url: `http://${config.host}:${port}` }, 'api ready');
    reportReady(stop);
  });
  server.once('error', (error) => endWithout(config, error));
  tidyUp({ store, reaper, logger, reapIntervalMs: config.reapIntervalMs });
  const sweep = setInterval(() => {
    // Both again and again until Temporal is there: the API serves what is on record meanwhile.
    const starting = registerSearchAttributes(client).then(() => sessions.startOrphans());
    starting.then(
      (count) => {
        clearInterval(sweep);
        if (count > 0) logger.info({ count }, 'started sessions that were recorded only');
      },
      (error: unknown) => logger.warn({ error: String(error) }, 'waiting for Temporal'),
    );
  }, ORPHAN_RETRY_MS);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, stop);

  function stop(): void {
    clearInterval(sweep);
    server.close(() => process.exit(0));
    if ('closeIdleConnections' in server) setInterval(() => server.closeIdleConnections(), 50).unref();
    setTimeout(() => process.exit(0), 3000).unref();
  }
}

function checksFor(config: Config, known: KnownSecrets): AppDeps['checks'] {
  const { allowedRoots, model, outbound: network, webhook } = config;
  return {
    checkSource: (source) => checkSource(source, { allowedRoots }),
    probeSource: async (source, credentials) => {
      if (credentials?.token !== undefined) known.learn('asked', 'git.token', credentials.token);
      if (source.kind === 'repository') await probeRemote({ url: source.url, credentials, network }, source.ref);
    },
    checkWebhookUrl: (url) => checkWebhookUrl(url, webhook.allowPrivate),
    mayBeAt: (spec) => mayBeAt(spec, model, network),
    isPriced,
  };
}

function codecOf({ temporal: { uiOrigins } }: Config, ring: KeyRing | null): CodecDeps | null {
  return ring === null ? null : { endpoint: codecEndpoint(new SealedPayloads(ring)), uiOrigins };
}

function endWithout({ host, port }: Config, error: Error): never {
  process.stderr.write(`The API cannot listen on ${host}:${port}: ${error.message}. Choose another PORT.\n`);
  process.exit(1);
}

/** Goes on with what an earlier process may have been killed at, and removes from time to time what nobody needs. */
function tidyUp({
  store,
  reaper,
  logger,
  reapIntervalMs,
}: Pick<Config, 'reapIntervalMs'> & {
  readonly store: Store;
  readonly reaper: Reaper;
  readonly logger: Logger;
}): void {
  setInterval(() => {
    reaper.reap({ dryRun: false }).then(
      ({ items: _items, total: _total, branches: _branches, ...gone }) => logger.info(gone, 'reaped'),
      (error: unknown) => logger.warn({ error: String(error) }, 'nothing was reaped'),
    );
  }, reapIntervalMs).unref();
  store.keys.reseal().then(
    ({ resealed, unreadable }) => {
      if (resealed + unreadable > 0) logger.info({ resealed, unreadable }, 'sealed secrets anew');
    },
    (error: unknown) => logger.warn({ error: String(error) }, 'secrets were not sealed anew'),
  );
  store.blobs.sweep().catch((error: unknown) => logger.warn({ error: String(error) }, 'the sweep of blobs failed'));
}

function forgesFor({ forge }: Config, store: Store, credentials: Credentials): AppDeps['forges'] {
  const pullRequests = new PullRequests({
    store,
    forges: new SessionForges({ credentials, transport: forgeTransport(forge) }),
  });
  const learn = (secret: string) => store.known.learnOfServer('FORGE_WEBHOOK_SECRET', secret);
  return {
    secrets: () => listed(forge.webhookSecrets, learn),
    command: forge.command,
    mayPush: ({ id, task }, login) => pullRequests.mayPush(id, task, login),
  };
}

/** Read anew each time: what is taken out of its file no longer opens anything. */
function listed(secret: Secret, learn: (one: string) => string): string[] {
  const all = (secret.reveal() ?? '').split(',').map((one) => one.trim());
  return all.filter(Boolean).map(learn);
}
