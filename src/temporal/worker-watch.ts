/** How often the heart of a worker has beaten. */
interface Pulse {
  readonly worker: string;
  readonly beats: number;
}

/** What a watch is made of. */
export interface WorkerWatchOptions {
  /** This worker's name. */
  readonly identity: string;
  readonly pulses: {
    beat(worker: string): Promise<void>;
    list(): Promise<readonly Pulse[]>;
    remove(worker: string): Promise<void>;
  };
  /** Hands back what a worker held; a wrong guess does no harm, for every attempt is fenced by its epoch. */
  readonly handBack: (worker: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Between two beats, in milliseconds. */
  readonly intervalMs?: number;
  /** How long the pulse of another worker may stand still, in milliseconds. */
  readonly patienceMs?: number;
}

const INTERVAL_MS = 2000;
const PATIENCE_MS = 8000;

interface Seen {
  readonly beats: number;
  /** On this process's monotonic clock. */
  readonly at: number;
}

/**
 * Tells the other workers, through the records they share, that this one is alive, and takes over from those that are not, on
 * whatever host they were: long before Temporal's heartbeat timeout.
 */
export class WorkerWatch {
  readonly #options: WorkerWatchOptions;
  readonly #seen = new Map<string, Seen>();
  #timer: NodeJS.Timeout | null = null;
  #round: Promise<void> = Promise.resolve();

  constructor(options: WorkerWatchOptions) {
    this.#options = options;
  }

  /** Beats and watches until {@link stop}. */
  start(): void {
    const run = (): void => {
      this.#round = this.#look().catch(this.#options.onError);
      void this.#round.finally(() => {
        if (this.#timer !== null) this.#timer = setTimeout(run, this.#options.intervalMs ?? INTERVAL_MS);
      });
    };
    this.#timer = setTimeout(run, 0);
  }

  /** Takes leave: nobody has to find out that this worker is gone. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#round;
    await this.#options.pulses.remove(this.#options.identity);
  }

  async #look(): Promise<void> {
    const { identity, pulses } = this.#options;
    await pulses.beat(identity);
    const others = (await pulses.list()).filter(({ worker }) => worker !== identity);
    for (const worker of this.#seen.keys()) {
      if (!others.some((pulse) => pulse.worker === worker)) this.#seen.delete(worker);
    }
    for (const pulse of others) if (this.#hasStopped(pulse)) await this.#takeOver(pulse.worker);
  }

  #hasStopped({ worker, beats }: Pulse): boolean {
    const now = performance.now();
    const seen = this.#seen.get(worker);
    if (seen?.beats === beats) return now - seen.at >= (this.#options.patienceMs ?? PATIENCE_MS);
    this.#seen.set(worker, { beats, at: now });
    return false;
  }

  async #takeOver(worker: string): Promise<void> {
    await this.#options.handBack(worker);
    await this.#options.pulses.remove(worker);
  }
}
