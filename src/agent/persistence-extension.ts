import type { AssistantMessage, ToolResultMessage } from '@earendil-works/pi-ai';
import type { AgentSession } from '@earendil-works/pi-coding-agent';
import { isToolName, toolClasses } from '../domain/tools.ts';
import type { Usage } from '../domain/usage.ts';
import { faultPoint } from '../fault-point.ts';
import type { Settlement } from '../store/effects.ts';
import type { Checkpoint, Entry, FileState, Journal, Thread } from '../store/journal.ts';
import type { EffectGuard } from './effect-guard.ts';
import type { Ledger } from './ledger.ts';
import { entriesOf, isGood, summaryCosts, usageOf } from './transcript.ts';

/** Where and how a session is recorded: the same for the agent and its sub-agents. */
export interface Recording {
  readonly journal: Journal;
  readonly sessionId: string;
  /** The attempt's fence. */
  readonly epoch: number;
  readonly ledger: Ledger;
  /** Resolves when the files are there; the first request may be out before. A rejection ends the run before any tool starts. */
  readonly filesReady: Promise<void>;
  /** Takes the files as they are, and stores what they have that `known`, the last ones, had not. */
  readonly takeFiles: (known: FileState) => Promise<FileState & Pick<Checkpoint, 'pack' | 'full'>>;
  /** Called before a tool that can change files starts. */
  readonly beforeEffect: () => void;
  /** Called after each committed checkpoint. */
  readonly onCheckpoint: (checkpoint: Checkpoint) => void;
  /** Once aborted, what tools give is a torso: it is not recorded, and the next attempt runs the tools of that reply anew. */
  readonly signal: AbortSignal;
}

/**
 * Makes a pi session durable. The order is the whole point:
 * - nothing is written over a reply that an earlier attempt has recorded, before it has been given again;
 * - a reply is written before its tools run, and only after the checkpoint of the turn before it is committed;
 * - the reply waits, recorded, for the files to be there: neither its tools nor the checkpoint of its turn come before;
 * - a reply that is replayed is not written before the recorded results that are given again: until then they stand in the records;
 * - the tree of a turn is taken while the model thinks about the next one.
 * A write that is refused (a newer attempt has taken over) stops the run before the next tool.
 */
export class PersistenceExtension {
  readonly #recording: Recording;
  readonly #thread: string;
  /** How many entries of the thread are recorded and stay. */
  #recorded: number;
  /** The turn of the thread's last checkpoint. */
  #turn: number;
  /** Tool calls whose recorded results are still to be given again. */
  readonly #awaited: Set<string>;
  readonly #guard: EffectGuard;
  #open: Partial<Usage> = {};
  #pending: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  /**
   * @param replay.answered the calls of the replayed reply that get their recorded results
   * @param replay.guard is told of replies and results, and says which results end an effect outside
   */
  constructor(
    recording: Recording,
    thread: Thread,
    replay: { readonly answered: Iterable<string>; readonly guard: EffectGuard },
  ) {
    this.#recording = recording;
    this.#thread = thread.id;
    this.#recorded = thread.entries.length;
    this.#turn = thread.turn;
    this.#awaited = new Set(replay.answered);
    this.#guard = replay.guard;
  }

  /** The turn of the thread's last checkpoint, 0 before the first; settle first. */
  get turn(): number {
    return this.#turn;
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
      if (event.type === 'tool_execution_start' && !this.#awaited.has(event.toolCallId))
        this.#beforeTool(event.toolName);
      if (event.type !== 'message_end') return;
      const { message } = event;
      if (message.role === 'assistant' && isGood(message))
        await this.#guarded(() => this.#onReply(message, entriesOf(sessionManager)));
      if (message.role === 'toolResult' && !this.#recording.signal.aborted)
        await this.#guarded(() => this.#onResult(message, entriesOf(sessionManager)));
    });
    const finish = agent.finishTurn;
    agent.finishTurn = async (turn, signal) => {
      const decision = await finish?.(turn, signal);
      const { message } = turn;
      if (message.role === 'assistant' && isGood(message) && !this.#recording.signal.aborted) {
        await this.#guarded(() => this.#onTurn(entriesOf(sessionManager)));
      }
      return decision ?? undefined;
    };
  }

  /** Resolves when the last checkpoint is committed; throws what kept it from being. */
  async settle(): Promise<void> {
    await this.#pending;
    if (this.#failure !== null) throw this.#failure;
  }

  /** Records a summary, which was paid for, before the request that is made of it; only while there is no recorded reply to lose. */
  async recordSummary(session: AgentSession): Promise<void> {
    await this.#guarded(async () => {
      await this.settle();
      const fresh = await this.#append(entriesOf(session.sessionManager));
      for (const cost of summaryCosts(fresh)) this.#recording.ledger.recordedCall(cost);
    });
  }

  #beforeTool(toolName: string): void {
    if (!changesFiles(toolName)) return;
    this.#recording.ledger.touched = true;
    this.#recording.ledger.settled = null;
    this.#recording.beforeEffect();
  }

  async #onReply(message: AssistantMessage, entries: readonly Entry[]): Promise<void> {
    this.#open = { ...usageOf(message), turns: 1 };
    this.#recording.ledger.openTurn(this.#open);
    await this.settle();
    this.#guard.onReply();
    if (this.#awaited.size === 0) await this.#append(entries);
    await this.#recording.filesReady;
  }

  async #onResult(message: ToolResultMessage, entries: readonly Entry[]): Promise<void> {
    this.#awaited.delete(message.toolCallId);
    const settlement = await this.#guard.onResult(message);
    if (this.#awaited.size === 0) await this.#append(entries, settlement);
    if (settlement !== undefined) this.#recording.ledger.settled = settlement.files;
  }

  async #onTurn(entries: readonly Entry[]): Promise<void> {
    await this.#append(entries); // A nudge of the turn's end belongs to the turn.
    const { ledger } = this.#recording;
    ledger.finishTurn(this.#open);
    this.#open = {};
    const position = { turn: ledger.usage.turns, thread: this.#thread, seq: this.#recorded, usage: ledger.usage };
    this.#pending = this.#commit(position).catch((error: unknown) => {
      this.#failure ??= error;
    });
  }

  async #commit(position: Pick<Checkpoint, 'turn' | 'thread' | 'seq' | 'usage'>): Promise<void> {
    const { journal, sessionId, epoch, ledger, takeFiles, onCheckpoint } = this.#recording;
    await faultPoint('before:tree-written', sessionId);
    const unchanged = { ...ledger.files, pack: null, full: false };
    const taken = ledger.settled ?? (ledger.touched ? await takeFiles(ledger.files) : unchanged);
    await faultPoint('after:tree-written', sessionId);
    const checkpoint = { ...taken, ...position, at: Date.now() };
    await journal.commit(sessionId, epoch, checkpoint);
    ledger.committed();
    await faultPoint('after:transaction-committed', sessionId);
    ledger.files = taken;
    ledger.touched = false; // No tool starts before this checkpoint is committed.
    ledger.settled = null;
    this.#turn = position.turn;
    onCheckpoint(checkpoint);
  }

  async #append(entries: readonly Entry[], settlement?: Settlement): Promise<readonly Entry[]> {
    const { journal, sessionId, epoch } = this.#recording;
    const fresh = entries.slice(this.#recorded);
    if (fresh.length === 0) return fresh;
    const write = { thread: this.#thread, fromSeq: this.#recorded + 1, entries: fresh, settlement };
    await journal.append(sessionId, epoch, write);
    await faultPoint('after:entries-written', sessionId);
    this.#recorded = entries.length;
    return fresh;
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
