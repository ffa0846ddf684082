import { join } from 'node:path';
import { loadConfig } from './config.ts';
import { HoldfastError } from './domain/failure.ts';
import { createLogger } from './logger.ts';
import { Supervisor } from './supervisor.ts';
import { createClient, temporalOptions } from './temporal/connection.ts';
import { startEmbeddedServer, type EmbeddedServer } from './temporal/embedded-server.ts';
import { registerSearchAttributes } from './temporal/search-attributes.ts';

try {
  await main();
} catch (error) {
  if (!(error instanceof HoldfastError)) throw error;
  process.stderr.write(`${error.message}\n${error.remedy}\n`);
  process.exit(1);
}

/** `npm start`: Temporal (embedded, unless TEMPORAL_ADDRESS names a server), a worker and the API, kept running until SIGTERM. */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const logger = createLogger({ name: 'holdfast', level: config.logLevel });
  const temporal = await temporalFor(config, logger);
  const address = temporal === null ? {} : { TEMPORAL_ADDRESS: temporal.address };
  const client = createClient(temporalOptions({ ...config.temporal, ...(temporal && { address: temporal.address }) }));
  await registerSearchAttributes(client.connection, client.options.namespace);
  await client.connection.close();

  const pidFile = join(config.dataDir, 'run', 'processes.json');
  const supervisor = new Supervisor({ logger, pidFile, env: { ...process.env, ...address } });
  const stop = async (): Promise<void> => {
    logger.info('stopping');
    await supervisor.stop(15_000);
    await temporal?.stop();
    process.exit(0);
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
  await Promise.all([
    supervisor.start({ name: 'worker', script: join(import.meta.dirname, 'worker.ts') }),
    supervisor.start({ name: 'api', script: join(import.meta.dirname, 'api', 'server.ts') }),
  ]);
  logger.info({ api: `http://${config.host}:${config.port}`, temporalUi: temporal?.uiUrl ?? 'external', data: config.dataDir }, 'ready');
}

async function temporalFor(config: ReturnType<typeof loadConfig>, logger: ReturnType<typeof createLogger>): Promise<EmbeddedServer | null> {
  if (config.temporal.address !== null) return null;
  const { port, uiPort } = config.temporal;
  const server = await startEmbeddedServer({ directory: config.dataDir, port, uiPort });
  logger.info({ address: server.address, ui: server.uiUrl, reused: server.reused }, 'temporal');
  return server;
}
