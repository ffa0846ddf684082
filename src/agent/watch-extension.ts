import type { InlineExtension, SessionManager } from '@earendil-works/pi-coding-agent';
import { strainedLimits } from '../domain/budget.ts';
import type { Limits } from '../domain/session.ts';
import type { Ledger } from './ledger.ts';
import type { ModelCalls } from './model-calls.ts';
import type { StopSignal } from './stop-signal.ts';
import { endsRun } from './transcript.ts';

/** Told once for each limit of which 85 % are used; it is the same text each time. */
export const wrapUp =
  '[holdfast] Most of what this run may spend is spent. Begin nothing new: bring what you have into a state that works, check it, and call submit_result; say in the summary what is left to do.';

/** How entries of the wrap-up note are marked in the transcript. */
export const WRAP_UP_TYPE = 'holdfast.wrap-up';

/** What a watch looks at. */
export interface WatchParts {
  readonly ledger: Ledger;
  readonly limits: Limits;
  readonly stop: StopSignal;
  readonly calls: ModelCalls;
  readonly sessionManager: SessionManager;
}

/**
 * Looks at each finished turn and tells the agent what it cannot know: that its budget is running out. Notes are entries of the
 * transcript, recorded with their turn, and what has been said is read from there: a restart neither forgets nor repeats one. They stand
 * between two turns, never among the results of one.
 */
export class WatchExtension {
  readonly #parts: WatchParts;
  /** Set when the extension has really been loaded: pi skips one that fails without a word. */
  loaded = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** For pi's resource loader. */
  get extension(): InlineExtension {
    return {
      name: 'holdfast-watch',
      hidden: true,
      factory: (pi) => {
        this.loaded = true;
        pi.on('turn_end', ({ outcome, toolResults }) => {
          // A turn without results ends the run, or brings a nudge of its own.
          if (outcome !== 'completed' || toolResults.length === 0 || endsRun(toolResults)) return undefined;
          if (this.#parts.stop.reason !== null) return undefined;
          return { entries: this.#wrapUpNote() };
        });
      },
    };
  }

  /** Nothing where the next call would not be made: then the session pauses, and goes on with other limits. */
  #wrapUpNote() {
    const { calls, ledger, limits, sessionManager } = this.#parts;
    const told = new Set(sessionManager.getEntries().flatMap(limitsTold));
    const crossed = strainedLimits(ledger.total, limits).map((name) => `${name} ${limits[name]}`);
    if (crossed.every((limit) => told.has(limit)) || !calls.hasRoom()) return [];
    const details = { limits: crossed };
    return [{ type: 'custom_message' as const, customType: WRAP_UP_TYPE, display: false, content: wrapUp, details }];
  }
}

/** The limits, with their values, about which a note speaks: a limit that was raised may be spoken about again. */
function limitsTold(entry: ReturnType<SessionManager['getEntries']>[number]): string[] {
  if (entry.type !== 'custom_message' || entry.customType !== WRAP_UP_TYPE) return [];
  return (entry.details as { readonly limits: string[] }).limits;
}
