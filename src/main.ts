import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, type Config } from './config.ts';
import { HoldfastError } from './domain/failure.ts';
import { createLogger, type Logger } from './logger.ts';
import { Supervisor } from './supervisor.ts';
import { createClient, temporalOptions } from './temporal/connection.ts';
import { KeptServer } from './temporal/kept-server.ts';
import { registerSearchAttributes } from './temporal/search-attributes.ts';

const DRAIN_MS = 15_000;
const REGISTER_TRIES = 60;

try {
  await main(loadConfig(process.env));
} catch (error) {
  if (!(error instanceof HoldfastError)) throw error;
  process.stderr.write(`${error.message}\n${error.remedy}\n`);
  process.exit(1);
}

/** `npm start`: Temporal (embedded, unless TEMPORAL_ADDRESS names a server), a worker and the API, kept running until SIGTERM. */
async function main(config: Config): Promise<void> {
  const logger = createLogger({ name: 'holdfast', level: config.logLevel });
  const temporal = config.temporal.address === null ? await embeddedTemporal(config, logger) : null;
  await register(temporal?.address);

  const env = { ...process.env, ...(temporal && { TEMPORAL_ADDRESS: temporal.address }) };
  const supervisor = new Supervisor({ logger, pidFile: join(config.dataDir, 'run', 'processes.json'), env });
  const stop = async (): Promise<void> => {
    logger.info('stopping: the worker drains first, Temporal goes last');
    await supervisor.stop(DRAIN_MS);
    await temporal?.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
  await Promise.all([
    supervisor.start({ name: 'worker', script: join(import.meta.dirname, 'worker.ts') }),
    supervisor.start({ name: 'api', script: join(import.meta.dirname, 'api', 'server.ts') }),
  ]);
  const ui = temporal?.uiUrl ?? 'of the external server';
  logger.info({ api: `http://${config.host}:${config.port}`, temporalUi: ui, data: config.dataDir }, 'ready');
}

function embeddedTemporal({ dataDir, temporal }: Config, logger: Logger): Promise<KeptServer> {
  return KeptServer.start({ directory: dataDir, port: temporal.port, uiPort: temporal.uiPort }, logger);
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
