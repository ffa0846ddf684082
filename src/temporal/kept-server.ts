import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedServer, type EmbeddedServer, type EmbeddedServerOptions } from './embedded-server.ts';

const RETRY_MS = 2000;

/** What is told about the server's comings and goings. */
export interface ServerLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

/** The embedded server, started again on the same ports and database whenever it dies. */
export class KeptServer {
  readonly #options: EmbeddedServerOptions;
  readonly #log: ServerLog;
  #server: EmbeddedServer;
  #restart: Promise<boolean> = Promise.resolve(true);
  #stopping = false;

  private constructor(options: EmbeddedServerOptions, log: ServerLog, server: EmbeddedServer) {
    this.#options = { ...options, port: server.port, pinned: true };
    this.#log = log;
    this.#server = server;
    void this.#watch();
  }

  /** @throws HoldfastError TEMPORAL_UNAVAILABLE when it does not start the first time. */
  static async start(options: EmbeddedServerOptions, log: ServerLog): Promise<KeptServer> {
    const server = await startEmbeddedServer(options);
    const wanted = `127.0.0.1:${options.port}`;
    if (server.address !== wanted)
      log.warn({ wanted, address: server.address }, 'temporal has another port than wanted');
    log.info({ address: server.address, ui: server.uiUrl, reused: server.reused }, 'temporal');
    return new KeptServer(options, log, server);
  }

  get address(): string {
    return this.#server.address;
  }

  get uiUrl(): string {
    return this.#server.uiUrl;
  }

  /** Ends the server, also one that is being started again just now. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#restart;
    await this.#server.stop();
  }

  async #watch(): Promise<void> {
    for (;;) {
      await this.#server.exited;
      if (this.#stopping) return;
      this.#restart = this.#startAgain();
      if (!(await this.#restart)) await sleep(RETRY_MS);
    }
  }

  async #startAgain(): Promise<boolean> {
    this.#log.warn({}, 'temporal ended; starting it again');
    try {
      this.#server = await startEmbeddedServer(this.#options);
      return true;
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'temporal does not start');
      return false;
    }
  }
}
