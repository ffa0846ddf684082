import type { AssistantMessage, ToolResultMessage } from '@earendil-works/pi-ai';
import type { AgentSession } from '@earendil-works/pi-coding-agent';
import { isToolName, toolClasses } from '../domain/tools.ts';
import { addUsage, type Usage } from '../domain/usage.ts';
import type { Checkpoint, Entry, FileState, Journal } from '../store/journal.ts';
import { entriesOf, isGood } from './transcript.ts';

/** Where and how a session is recorded. */
export interface Recording {
  readonly journal: Journal;
  readonly sessionId: string;
  /** The attempt's fence. */
  readonly epoch: number;
  /** How many entries are recorded and stay. */
  readonly recorded: number;
  readonly usage: Usage;
  /** The files of the last checkpoint. */
  readonly files: FileState;
  /** Takes the files as they are, and stores what they have that `known`, the last ones, had not. */
  readonly takeFiles: (known: FileState) => Promise<FileState & Pick<Checkpoint, 'pack' | 'full'>>;
  /** Called before a tool that can change files starts. */
  readonly beforeEffect: () => void;
  /** Called after each committed checkpoint. */
  readonly onCheckpoint: (checkpoint: Checkpoint) => Promise<void>;
  /** Once aborted, what tools give is a torso: it is not recorded, and the next attempt runs the tools of that reply anew. */
  readonly signal: AbortSignal;
}

/**
 * Makes a pi session durable. The order is the whole point:
 * - nothing is written before the attempt's first reply has arrived, so that a reply recorded by an earlier attempt is never lost;
 * - a reply is written before its tools run, and only after the checkpoint of the turn before it is committed;
 * - the tree of a turn is taken while the model thinks about the next one.
 * A write that is refused (a newer attempt has taken over) stops the run before the next tool.
 */
export class PersistenceExtension {
  readonly #recording: Recording;
  #recorded: number;
  #usage: Usage;
  #files: FileState;
  #turnStarted = performance.now();
  #pending: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  constructor(recording: Recording) {
    this.#recording = recording;
    this.#recorded = recording.recorded;
    this.#usage = recording.usage;
    this.#files = recording.files;
  }

  /** Usage up to the last finished turn. */
  get usage(): Usage {
    return this.#usage;
  }

  /** The tree of the last checkpoint; settle first. */
  get tree(): string {
    return this.#files.tree;
  }

  /** Why recording has failed, or null. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Hooks into a session; call it once, before the session runs. */
  attach(session: AgentSession): void {
    const { agent, sessionManager } = session;
    agent.toolExecution = 'sequential'; // Each result is recorded before the next tool starts.
    // Registered after pi's own listener: the entry is in the session manager already, and the loop waits for this promise.
    agent.subscribe(async (event) => {
      if (event.type === 'tool_execution_start' && changesFiles(event.toolName)) this.#recording.beforeEffect();
      if (event.type !== 'message_end') return;
      const { message } = event;
      if (message.role === 'assistant' && isGood(message))
        await this.#guarded(() => this.#onReply(entriesOf(sessionManager)));
      if (message.role === 'toolResult' && !this.#recording.signal.aborted)
        await this.#guarded(() => this.#append(entriesOf(sessionManager)));
    });
    const finish = agent.finishTurn;
    agent.finishTurn = async (turn, signal) => {
      const decision = await finish?.(turn, signal);
      const { message, toolResults } = turn;
      if (message.role === 'assistant' && isGood(message) && !this.#recording.signal.aborted) {
        await this.#guarded(() => this.#onTurn(message, toolResults, entriesOf(sessionManager)));
      }
      return decision ?? undefined;
    };
  }

  /** Resolves when the last checkpoint is committed; throws what kept it from being. */
  async settle(): Promise<void> {
    await this.#pending;
    if (this.#failure !== null) throw this.#failure;
  }

  async #onReply(entries: readonly Entry[]): Promise<void> {
    await this.settle();
    await this.#append(entries);
  }

  async #onTurn(
    message: AssistantMessage,
    results: readonly ToolResultMessage[],
    entries: readonly Entry[],
  ): Promise<void> {
    await this.#append(entries); // A nudge of the turn's end belongs to the turn.
    const now = performance.now();
    this.#usage = addUsage(this.#usage, { ...usageOf(message), turns: 1, wallMs: Math.round(now - this.#turnStarted) });
    this.#turnStarted = now;
    const position = { turn: this.#usage.turns, seq: this.#recorded, usage: this.#usage };
    const changed = results.some(({ toolName }) => changesFiles(toolName));
    this.#pending = this.#commit(position, changed).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async #commit(position: Pick<Checkpoint, 'turn' | 'seq' | 'usage'>, changed: boolean): Promise<void> {
    const { journal, sessionId, epoch, takeFiles, onCheckpoint } = this.#recording;
    const taken = changed ? await takeFiles(this.#files) : { ...this.#files, pack: null, full: false };
    const checkpoint = { ...taken, ...position, at: Date.now() };
    await journal.commit(sessionId, epoch, checkpoint);
    this.#files = taken;
    await onCheckpoint(checkpoint);
  }

  async #append(entries: readonly Entry[]): Promise<void> {
    const { journal, sessionId, epoch } = this.#recording;
    const fresh = entries.slice(this.#recorded);
    if (fresh.length === 0) return;
    await journal.append(sessionId, epoch, { fromSeq: this.#recorded + 1, entries: fresh });
    this.#recorded = entries.length;
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    try {
      await work();
    } catch (error) {
      this.#failure ??= error;
      throw error; // In a listener of pi's agent this ends the run before any tool starts.
    }
  }
}

function changesFiles(toolName: string): boolean {
  return !isToolName(toolName) || toolClasses[toolName] === 'local';
}

function usageOf({ usage }: AssistantMessage): Partial<Usage> {
  return {
    inputTokens: usage.input,
    outputTokens: usage.output,
    cacheReadTokens: usage.cacheRead,
    cacheWriteTokens: usage.cacheWrite,
    costUsd: usage.cost.total,
  };
}
