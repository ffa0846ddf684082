import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, type Config } from './config.ts';
import { HoldfastError } from './domain/failure.ts';
import { runProcess } from './entry-point.ts';
import { createLogger, type Logger } from './logger.ts';
import { assertAlone, Supervisor } from './supervisor.ts';
import { createClient, isServerNamed, temporalOptions } from './temporal/connection.ts';
import { KeptServer } from './temporal/kept-server.ts';
import { registerSearchAttributes } from './temporal/search-attributes.ts';

const REGISTER_TRIES = 60;

await runProcess(() => main(loadConfig(process.env)));

/** `npm start`: Temporal (embedded, unless TEMPORAL_ADDRESS names a server), a worker and the API, kept running until SIGTERM. */
async function main(config: Config): Promise<void> {
  const logger = createLogger({ name: 'holdfast', level: config.logLevel });
  const pidFile = join(config.dataDir, 'run', 'processes.json');
  assertAlone(pidFile);
  const temporal = isServerNamed() ? null : await embeddedTemporal(config, logger);
  await register(temporal?.address);

  const ours = temporal && { TEMPORAL_ADDRESS: temporal.address };
  const uiOrigins = temporal && { TEMPORAL_UI_ORIGINS: originsOf(temporal.uiUrl) };
  const env = { ...uiOrigins, ...process.env, ...ours };
  const supervisor = new Supervisor({ logger, pidFile, env, hangMs: config.hangMs });
  const stop = async (code: number): Promise<void> => {
    logger.info('stopping: the worker drains first, Temporal goes last');
    await supervisor.stop(config.drainMs);
    await temporal?.stop();
    process.exit(code);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(0));
  await Promise.all([
    supervisor.start({ name: 'worker', script: join(import.meta.dirname, 'worker.ts') }),
    supervisor.start({ name: 'api', script: join(import.meta.dirname, 'api', 'server.ts') }),
  ]).catch(async (error: unknown) => {
    logger.error({ error: String(error) }, 'not started');
    await stop(1);
  });
  const ui = temporal?.uiUrl ?? 'of the external server';
  logger.info({ api: `http://${config.host}:${config.port}`, temporalUi: ui, data: config.dataDir }, 'ready');
}

function embeddedTemporal({ dataDir, host, port, temporal }: Config, logger: Logger): Promise<KeptServer> {
  const codecEndpoint = temporal.isSealed ? `http://${host}:${port}/v1/codec` : undefined;
  const ports = { port: temporal.port, uiPort: temporal.uiPort };
  return KeptServer.start({ directory: dataDir, ...ports, codecEndpoint }, logger);
}

/** The server needs a moment after its port is open. */
async function register(address: string | undefined): Promise<void> {
  const client = createClient(temporalOptions(address));
  for (let tries = 1; ; tries += 1) {
    try {
      await registerSearchAttributes(client);
      return await client.connection.close();
    } catch (cause) {
      if (tries === REGISTER_TRIES)
        throw new HoldfastError('TEMPORAL_UNAVAILABLE', `Temporal does not answer: ${String(cause)}`, { cause });
      await sleep(500);
    }
  }
}

/** People open the Web UI under either name. */
function originsOf(uiUrl: string): string {
  return [uiUrl, uiUrl.replace('127.0.0.1', 'localhost')].join(',');
}
