import type { ToolResultMessage } from '@earendil-works/pi-ai';
import type { ToolDefinition } from '@earendil-works/pi-coding-agent';
import { classOf, isToolName } from '../domain/tools.ts';
import { again } from './replay.ts';
import { TASK } from './tools/task-tool.ts';
import type { EffectRecords, Files, PendingEffects, Settlement, Turn } from '../store/effects.ts';

/** What a model is told of a call whose end nobody has seen; it is the same text each time. */
export const OUTCOME_UNKNOWN =
  '[holdfast] Outcome unknown. The server was interrupted while this command was running, and the command is not run again by itself: ' +
  'outside of the work tree it may have done everything, a part, or nothing. The files are as they were before it, ' +
  'but for those that git ignores, which may be half written. ' +
  'Find out what it did before you repeat any of it.';

/** What a guard works with. */
export interface GuardParts {
  readonly effects: Pick<EffectRecords, 'begin' | 'mark' | 'pending'>;
  readonly sessionId: string;
  /** The attempt's fence. */
  readonly epoch: number;
  /** True when commands can reach the network: then they are run at most once. */
  readonly commandsReachOut: boolean;
  /** The turn that calls belong to now. */
  readonly turn: () => Turn;
  /** Takes and stores the files as they are. */
  readonly takeFiles: () => Promise<Files>;
}

/**
 * Sees to it that a call with effects outside is started at most once, whatever dies: it is on record before it starts, and its end
 * together with the files it left. In a reply that is replayed after a crash, the calls up to the last recorded end give what they gave;
 * one that was begun and has no end gives {@link OUTCOME_UNKNOWN}; the others run. Before a sub-agent starts, the calls up to it are
 * recorded likewise: the files that its calls leave will hold what those did.
 */
export class EffectGuard {
  readonly #parts: GuardParts;
  #pending: PendingEffects | null;
  /** What the calls of the present reply have given. */
  #results: ToolResultMessage[] = [];
  /** How many of them are recorded with the files they left. */
  #kept: number;
  #replied = false;
  #ending: Pick<Settlement, 'ordinal' | 'outcome'> | null = null;
  #failure: unknown = null;

  private constructor(parts: GuardParts, pending: PendingEffects) {
    this.#parts = parts;
    this.#pending = pending;
    this.#kept = pending.results.length;
  }

  /** @param pending what an earlier attempt did of the reply that is replayed first */
  static async open(parts: GuardParts, thread: Pick<Turn, 'thread' | 'after'>): Promise<EffectGuard> {
    return new EffectGuard(parts, await parts.effects.pending(parts.sessionId, thread));
  }

  /** The tools, guarded. They must run one after the other. */
  guarded(tools: readonly ToolDefinition[]): ToolDefinition[] {
    return tools.map((tool) => ({
      ...tool,
      execute: async (callId, ...rest) => {
        const recorded = this.#pending?.results[this.#results.length];
        if (recorded !== undefined) return again(recorded as unknown as ToolResultMessage);
        if (this.#reachesOut(tool.name)) await this.#begin(callId, tool.name);
        if (tool.name === TASK) await this.#keep();
        return tool.execute(callId, ...rest);
      },
    }));
  }

  /** To be told of each reply, before its calls run. The first one is the one that was replayed, if any was. */
  onReply(): void {
    this.#results = [];
    if (this.#replied) {
      this.#pending = null;
      this.#kept = 0;
    }
    this.#replied = true;
  }

  /**
   * To be told of each result, in order; answers what is to be recorded with it when it ends a call with effects outside.
   * @throws HoldfastError STALE_ATTEMPT, STORAGE_FAILED when the call could not be put on record; it has not run then
   */
  async onResult(message: ToolResultMessage): Promise<Settlement | undefined> {
    if (this.#failure !== null) throw this.#failure;
    this.#results.push(message);
    const ending = this.#ending;
    this.#ending = null;
    if (ending === null) return undefined;
    this.#kept = this.#results.length;
    return this.#settlement(ending);
  }

  async #settlement(ending: Pick<Settlement, 'ordinal' | 'outcome'>): Promise<Settlement> {
    const results = structuredClone(this.#results) as unknown as Settlement['results'];
    return { ...this.#parts.turn(), ...ending, files: await this.#parts.takeFiles(), results };
  }

  #reachesOut(tool: string): boolean {
    return isToolName(tool) && classOf(tool, this.#parts.commandsReachOut) === 'external';
  }

  async #begin(callId: string, tool: string): Promise<void> {
    const { effects, sessionId, epoch, turn } = this.#parts;
    const ordinal = this.#results.length;
    if (this.#pending?.begun === ordinal) {
      this.#ending = { ordinal, outcome: 'unknown' };
      throw new Error(OUTCOME_UNKNOWN);
    }
    await this.#recorded(() => effects.begin(sessionId, epoch, turn(), { ordinal, callId, tool }));
    this.#ending = { ordinal, outcome: 'done' };
  }

  async #keep(): Promise<void> {
    const { commandsReachOut, effects, sessionId, epoch } = this.#parts;
    const last = this.#results.at(-1);
    if (!commandsReachOut || last === undefined || this.#kept === this.#results.length) return;
    const ordinal = this.#results.length - 1;
    const intent = { ordinal, callId: last.toolCallId, tool: last.toolName };
    await this.#recorded(async () =>
      effects.mark(sessionId, epoch, intent, await this.#settlement({ ordinal, outcome: 'done' })),
    );
    this.#kept = this.#results.length;
  }

  /** A tool's error would be told to the model; this one has to end the run. */
  async #recorded(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }
}
