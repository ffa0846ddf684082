import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, type Config } from './config.ts';
import { HoldfastError } from './domain/failure.ts';
import { createLogger, type Logger } from './logger.ts';
import { Supervisor } from './supervisor.ts';
import { createClient, temporalOptions } from './temporal/connection.ts';
import { startEmbeddedServer, type EmbeddedServer } from './temporal/embedded-server.ts';
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
  const temporal = config.temporal.address === null ? await EmbeddedTemporal.start(config, logger) : null;
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

/** The server needs a moment after its port is open. */
async function register(address: string | undefined): Promise<void> {
  const client = createClient(temporalOptions(address));
  for (let tries = 1; ; tries += 1) {
    try {
      await registerSearchAttributes(client);
      return await client.connection.close();
    } catch (cause) {
      if (tries === REGISTER_TRIES) throw new HoldfastError('TEMPORAL_UNAVAILABLE', `Temporal does not answer: ${String(cause)}`, { cause });
      await sleep(500);
    }
  }
}

/** The embedded server, started again on the same ports and database whenever it dies. */
class EmbeddedTemporal {
  readonly #config: Config;
  readonly #logger: Logger;
  #server: EmbeddedServer;
  #stopping = false;

  private constructor(config: Config, logger: Logger, server: EmbeddedServer) {
    this.#config = config;
    this.#logger = logger;
    this.#server = server;
    void this.#watch();
  }

  static async start(config: Config, logger: Logger): Promise<EmbeddedTemporal> {
    const server = await startServer(config);
    logger.info({ address: server.address, ui: server.uiUrl, reused: server.reused }, 'temporal');
    return new EmbeddedTemporal(config, logger, server);
  }

  get address(): string {
    return this.#server.address;
  }

  get uiUrl(): string {
    return this.#server.uiUrl;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#server.stop();
  }

  async #watch(): Promise<void> {
    for (;;) {
      await this.#server.exited;
      if (this.#stopping) return;
      this.#logger.warn('temporal ended; starting it again');
      this.#server = await startServer(this.#config).catch(async (error: unknown) => {
        this.#logger.error({ error: String(error) }, 'temporal does not start');
        await sleep(2000);
        return this.#server;
      });
    }
  }
}

function startServer({ dataDir, temporal }: Config): Promise<EmbeddedServer> {
  return startEmbeddedServer({ directory: dataDir, port: temporal.port, uiPort: temporal.uiPort });
}
