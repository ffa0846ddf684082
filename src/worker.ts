import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { Announcer } from './activities/announcer.ts';
import { CheckRunner } from './activities/check-runner.ts';
import { CommitManager } from './activities/commit-manager.ts';
import { ContractSynthesizer } from './activities/contract-synthesizer.ts';
import { Credentials } from './activities/credentials.ts';
import { sweepEndedSessions } from './activities/ended-sessions-sweep.ts';
import { DeliveryProbe } from './activities/delivery-probe.ts';
import { DriftWatch } from './activities/drift-watch.ts';
import { ExecutionRunner } from './activities/execution-runner.ts';
import { LeftBranches } from './activities/left-branches.ts';
import { forgeTransport } from './activities/forge-transport.ts';
import { lfsTransport } from './activities/lfs-transport.ts';
import { createActivities, type ActivityDependencies } from './activities/index.ts';
import { Preflight } from './activities/preflight.ts';
import { PullRequests } from './activities/pull-request.ts';
import { SessionForges } from './activities/session-forges.ts';
import { BranchProtection } from './activities/branch-protection.ts';
import { ReportWriter } from './activities/report-writer.ts';
import { SessionExecution } from './activities/session-execution.ts';
import { SnapshotBuilder } from './activities/snapshot-builder.ts';
import { SourceImporter } from './activities/source-importer.ts';
import { SyntaxChecker } from './activities/syntax-checker.ts';
import { Verifier } from './activities/verifier.ts';
import { WebhookClient } from './activities/webhook-client.ts';
import { WorkKeeper } from './activities/work-keeper.ts';
import { loadConfig, type Config } from './config.ts';
import { isOfOperator } from './domain/model-address.ts';
import { workflowIdOf } from './domain/session.ts';
import type { Owner } from './git/attempt-trees.ts';
import { GitManager } from './git/git-manager.ts';
import { runProcess } from './entry-point.ts';
import { armFaultPoints } from './fault-point.ts';
import { createLogger, type Logger } from './logger.ts';
import { createModel, type OpenModel } from './model/provider.ts';
import { KnownSecrets } from './redaction/known-secrets.ts';
import { createSandbox } from './sandbox/create-sandbox.ts';
import { defaultLimits } from './sandbox/limits.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { openKeyRing, openStore, type Store } from './store/store.ts';
import { reportReady } from './supervisor.ts';
import { connectWorker, createClient, temporalOptions, untilAnswering } from './temporal/connection.ts';
import { dataConverterFor } from './temporal/data-converter.ts';
import { handBackDeadAttempts } from './temporal/dead-attempts.ts';
import { isDeadWorker, workerIdentity } from './temporal/process-identity.ts';
import { registerSearchAttributes } from './temporal/search-attributes.ts';
import { installRuntime } from './temporal/runtime.ts';
import { WorkerWatch } from './temporal/worker-watch.ts';
import { loadWorkflowBundle } from './temporal/workflow-bundle.ts';

const SWEEP_MS = 15_000;
/** Mirrors are looked through when the worker starts, and then so often. */
const MIRROR_SWEEP_MS = 3_600_000;
/** How long after its end a session may still be telling of it: longer than Temporal lets it wait for an attempt that is lost. */
const CONCLUDING_MS = 15 * 60_000;

await runProcess(() => runWorker(loadConfig(process.env)));
process.exit(0); // The channel to the supervisor would keep the process alive.

/** A worker process: makes everything, takes over what dead workers of this host held, and works until SIGTERM. */
async function runWorker(config: Config): Promise<void> {
  const known = new KnownSecrets();
  const logger = createLogger({ name: 'worker', level: config.logLevel, redactor: () => known.all() });
  installRuntime(logger);
  armFaultPoints(process.env['TEST_FAULT_POINTS'], 'worker', (facts, message) => logger.warn(facts, message));
  const sandbox = createSandbox(config.sandbox);
  logger.info({ sandbox: sandbox.kind, enforcement: sandbox.enforcement }, 'sandbox');
  if (sandbox.kind === 'off')
    logger.warn('SANDBOX=off: commands of the agent run WITHOUT ANY ISOLATION on this machine');
  const stored = { directory: config.sessionsDir, masterKeys: config.masterKeys };
  const store = openStore({ ...stored, known });
  const options = temporalOptions(`127.0.0.1:${config.temporal.port}`);
  const hostFile = join(config.dataDir, 'host-id');
  const identity = workerIdentity(hostFile);
  const isGone = (worker: string): boolean => isDeadWorker(worker, hostFile);
  const connection = await connectWorker(options, (error) =>
    logger.warn({ error: String(error) }, 'waiting for Temporal'),
  );
  const ring = config.temporal.isSealed ? openKeyRing({ ...stored, known }) : null;
  if (ring !== null) await store.agreement.join();
  const dataConverter = dataConverterFor(ring);
  const worker = await Worker.create({
    connection,
    namespace: options.namespace,
    taskQueue: config.temporal.taskQueue,
    identity,
    ...(dataConverter && { dataConverter }),
    workflowBundle: await loadWorkflowBundle(join(config.dataDir, 'cache'), dataConverter?.failureConverterPath),
    activities: createActivities(
      compose({
        config,
        store,
        sandbox,
        owner: { name: identity, isGone },
        isStopping: () => worker.getState() !== 'RUNNING',
        untilAnswering: (signal) => untilAnswering(connection, signal),
      }),
    ),
    // A dead worker's sticky queue is waited for this long before somebody else replays; the default is 10 s.
    stickyQueueScheduleToStartTimeout: '1s',
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: config.shutdownGraceMs,
    maxConcurrentActivityTaskExecutions: 100,
  });
  const client = createClient(options, dataConverter);
  await registerSearchAttributes(client);
  const handBack = async (isDead: (worker: string) => boolean): Promise<void> => {
    const count = await handBackDeadAttempts(client, await heldWorkflows(store), isDead);
    if (count > 0) logger.info({ count }, 'handed back the attempts of a dead worker');
  };
  await handBack(isGone);
  const watch = new WorkerWatch({
    identity,
    pulses: store.pulses,
    handBack: (dead) => handBack((worker) => worker === dead),
    onError: (error) => logger.warn({ error: String(error) }, 'the watch over other workers failed'),
  });
  watch.start();
  const sweep = keepSwept(config, store, sandbox, logger);
  reportReady(() => worker.shutdown());
  logger.info({ taskQueue: config.temporal.taskQueue }, 'worker ready');
  await worker.run();
  clearInterval(sweep);
  await watch.stop().catch(() => undefined); // The others will notice.
  await client.connection.close();
  await connection.close();
  sandbox.dispose();
  store.close();
}

function keepSwept(config: Config, store: Store, sandbox: Sandbox, logger: Logger): NodeJS.Timeout {
  const git = new GitManager({ sandbox, directory: config.workingDir, network: config.outbound });
  const sweep = (): void =>
    void sweepEndedSessions({ git, store }).catch((error: unknown) =>
      logger.warn({ error: String(error) }, 'directories of ended sessions are left'),
    );
  const prune = (): void =>
    void git.pruneMirrors(Date.now() - config.mirrorKeepMs).then(
      (count) => count > 0 && logger.info({ count }, 'removed mirrors that nobody uses any more'),
      (error: unknown) => logger.warn({ error: String(error) }, 'mirrors that nobody uses are left'),
    );
  prune();
  setInterval(prune, MIRROR_SWEEP_MS).unref();
  return setInterval(sweep, SWEEP_MS);
}

/** The workflows whose activities a worker may be at; also those of sessions whose end is on record but not told to everybody yet. */
async function heldWorkflows({ deliveries, sessions }: Store): Promise<string[]> {
  const held = [...(await sessions.live()), ...(await sessions.endedSince(Date.now() - CONCLUDING_MS))];
  return [...held.map(workflowIdOf), ...(await deliveries.pending()).map((id) => `webhook/${id}`)];
}

interface Parts {
  readonly config: Config;
  readonly store: Store;
  readonly sandbox: Sandbox;
  readonly owner: Owner;
  readonly isStopping: () => boolean;
  readonly untilAnswering: ActivityDependencies['untilAnswering'];
}

function compose({ config, store, sandbox, owner, isStopping, untilAnswering }: Parts): ActivityDependencies {
  const { allowedRoots, outbound: network, workingDir: directory } = config;
  const git = new GitManager({ sandbox, directory, network, allowedRoots, lfs: lfsTransport(network) });
  const credentials = new Credentials(store, {
    spec: config.model,
    key: () => store.known.learnOfServer('LLM_API_KEY', config.modelKey.reveal()),
  });
  const sources = new SourceImporter({ store, git, credentials });
  const snapshots = new SnapshotBuilder(store);
  const forges = new SessionForges({ credentials, transport: forgeTransport(config.forge) });
  const protection = new BranchProtection(forges);
  const pullRequests = new PullRequests({ store, forges });
  const commits = new CommitManager({ git, store, credentials, pullRequests, protection });
  const delivery = new DeliveryProbe({ git, credentials, pullRequests, protection });
  const { checkTimeoutMs, egress, model, outbound, streamIdleMs, stuck } = config;
  const openModel: OpenModel = (spec, key) =>
    createModel(spec, key, { idleTimeoutMs: streamIdleMs, network: isOfOperator(spec, model) ? undefined : outbound });
  const synthesizer = new ContractSynthesizer(openModel);
  const skillsDir = join(config.agentDir, 'skills');
  const execution = new SessionExecution({
    store,
    git,
    credentials,
    sources,
    snapshots,
    drift: new DriftWatch({ store, git }),
    runner: new ExecutionRunner({ store, git, sandbox, openModel, stuck, owner, isStopping, egress }),
    verifier: new Verifier({
      store,
      git,
      checks: new CheckRunner({ store, git, sandbox, egress }),
      syntax: new SyntaxChecker({ git, sandbox }),
      timeoutMs: checkTimeoutMs,
    }),
    commits,
    keeper: new WorkKeeper({ store, git, snapshots, commits }),
    reports: new ReportWriter({ store, git, commits }),
    branches: new LeftBranches({ store, credentials, settings: config }),
    chunk: { maxTurns: config.turnsPerChunk, maxMs: config.chunkMs },
  });
  return {
    store,
    announcer: new Announcer(store, git),
    sources,
    preflight: new Preflight({
      store,
      git,
      sandbox,
      credentials,
      synthesizer,
      snapshots,
      sources,
      delivery,
      skillsDir,
      checkTimeoutMs,
    }),
    execution,
    webhooks: new WebhookClient(store, config.webhook),
    untilAnswering,
    // The longest that an attempt may be silent for a good reason, and then some.
    stallMs: Math.max(streamIdleMs, defaultLimits.wallMs) + config.stallMs,
  };
}
