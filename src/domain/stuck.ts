/** Why an agent is taken to be stuck; the names are public, they stand in failures. */
export type StuckReason = 'repeated_call' | 'alternating_calls' | 'no_progress';

/** When an agent is taken to be stuck; 0 for never. */
export interface StuckLimits {
  /** So many turns, or so many rounds of a loop of turns, that are alike in calls and results. */
  readonly repeats: number;
  /** So many turns without a call and result that had not been there before: neither new information nor a new change. */
  readonly idleTurns: number;
}

/** The longest loop that is looked for, in turns; a longer one is found as `no_progress`. */
export const MAX_PERIOD = 4;

/** Whether the last of these turns repeat themselves. A turn is a text that stands for its calls and their results. */
export function loopAtEnd(turns: readonly string[], repeats: number): StuckReason | null {
  if (repeats === 0) return null;
  for (let period = 1; period <= MAX_PERIOD; period += 1) {
    const last = turns.slice(-period * repeats);
    const loops = last.length === period * repeats && last.every((turn, index) => turn === last[index % period]);
    if (loops) return period === 1 ? 'repeated_call' : 'alternating_calls';
  }
  return null;
}
