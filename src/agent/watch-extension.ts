import type { AssistantMessage } from '@earendil-works/pi-ai';
import type { InlineExtension, SessionManager, TurnEndEvent } from '@earendil-works/pi-coding-agent';
import { strainedLimits } from '../domain/budget.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Limits } from '../domain/session.ts';
import type { StuckLimits, StuckReason } from '../domain/stuck.ts';
import type { Ledger } from './ledger.ts';
import type { ModelCalls } from './model-calls.ts';
import type { StopSignal } from './stop-signal.ts';
import { STUCK_TYPE, StuckWatch } from './stuck-watch.ts';
import { endsRun, ownEntries } from './transcript.ts';

/** Told once for each limit of which 85 % are used; it is the same text each time. */
export const wrapUp =
  '[holdfast] Most of what this run may spend is spent. Begin nothing new: bring what you have into a state that works, check it, and call submit_result; say in the summary what is left to do.';

/** Told to an agent that is stuck, by the reason; the same text each time. */
export const stuckNudges: Readonly<Record<StuckReason, string>> = {
  repeated_call:
    '[holdfast] You have made the same call again and again, with the same result. It will not change. Do something else; if there is nothing else to do, call submit_result or report_blocked.',
  alternating_calls:
    '[holdfast] You are going in circles: the same few calls, with the same results, again and again. Do something else; if there is nothing else to do, call submit_result or report_blocked.',
  no_progress:
    '[holdfast] For a long time you have neither changed nor learnt anything new. Decide what is left to be done and do it; if nothing is, call submit_result, and if it cannot be done, report_blocked.',
};

/** How entries of the wrap-up note are marked in the transcript. */
const WRAP_UP_TYPE = 'holdfast.wrap-up';

/** What a watch looks at. */
export interface WatchParts {
  readonly ledger: Ledger;
  readonly limits: Limits;
  readonly stuckLimits: StuckLimits;
  readonly stop: StopSignal;
  readonly calls: ModelCalls;
  readonly sessionManager: SessionManager;
  /** How many entries are from the parent of a fork: what was said there was said to another session. */
  readonly inherited: number;
}

/**
 * Looks at each finished turn and tells the agent what it does not see: that its budget is running out, or that it is stuck. Notes are
 * entries of the transcript, recorded with their turn, and what has been said is read from there: a restart neither forgets nor repeats
 * one. They stand between two turns, never among the results of one. An agent that stays stuck is stopped with STUCK: the same model has
 * read the same transcript, and nobody can tell it anything after the freeze, so waiting for somebody would be waiting for nothing.
 */
export class WatchExtension {
  readonly #parts: WatchParts;
  readonly #stuck: StuckWatch;
  /** Set when the extension has really been loaded: pi skips one that fails without a word. */
  loaded = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    this.#stuck = new StuckWatch(parts.stuckLimits);
    this.#stuck.read(ownEntries(parts.sessionManager, parts.inherited));
    this.#stopIfInVain(); // The attempt that found it out may have died before it could tell.
  }

  /** For pi's resource loader. */
  get extension(): InlineExtension {
    return {
      name: 'holdfast-watch',
      hidden: true,
      factory: (pi) => {
        this.loaded = true;
        pi.on('turn_end', (event) => this.#onTurnEnd(event));
      },
    };
  }

  #onTurnEnd({ message, outcome, toolResults }: TurnEndEvent) {
    // A turn without results ends the run, or brings a nudge of its own.
    if (outcome !== 'completed' || toolResults.length === 0 || endsRun(toolResults)) return undefined;
    if (this.#parts.stop.reason !== null) return undefined;
    this.#stuck.onTurn(message as AssistantMessage, toolResults);
    this.#stopIfInVain();
    if (this.#parts.stop.reason !== null) return undefined;
    return { entries: [...this.#stuckNote(), ...this.#wrapUpNote()] };
  }

  #stopIfInVain(): void {
    const stuck = this.#stuck.stuck();
    if (stuck === null || !stuck.inVain) return;
    const { reason } = stuck;
    const message = `The agent is stuck (${reason}), and went on like that after it had been told.`;
    this.#parts.stop.stop(new HoldfastError('STUCK', message, { details: { reason } }));
  }

  #stuckNote() {
    const stuck = this.#stuck.stuck();
    if (stuck === null) return [];
    this.#stuck.onNudge();
    const { reason } = stuck;
    return [customMessage(STUCK_TYPE, stuckNudges[reason], { reason })];
  }

  /** Nothing where the next call would not be made: then the session pauses, and goes on with other limits. */
  #wrapUpNote() {
    const { calls, inherited, ledger, limits, sessionManager } = this.#parts;
    const crossed = strainedLimits(ledger.total, limits).map((name) => `${name} ${limits[name]}`);
    if (crossed.length === 0) return [];
    const told = new Set(ownEntries(sessionManager, inherited).flatMap(limitsTold));
    if (crossed.every((limit) => told.has(limit)) || !calls.hasRoom()) return [];
    return [customMessage(WRAP_UP_TYPE, wrapUp, { limits: crossed })];
  }
}

function customMessage(customType: string, content: string, details: object) {
  return { type: 'custom_message' as const, customType, display: false, content, details };
}

/** The limits, with their values, about which a note speaks: a limit that was raised may be spoken about again. */
function limitsTold(entry: ReturnType<SessionManager['getEntries']>[number]): string[] {
  if (entry.type !== 'custom_message' || entry.customType !== WRAP_UP_TYPE) return [];
  return (entry.details as { readonly limits: string[] }).limits;
}
