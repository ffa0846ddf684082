import type { Session } from './client.ts';

/** Exit codes of the command, by outcome; they are in the help and in the README. */
export const exitCodes = {
  complete: 0,
  failed: 1,
  usage: 2,
  missingInformation: 3,
  paused: 4,
  unreachable: 5,
  aborted: 6,
  /** What shells give to a program that Ctrl-C ended. */
  interrupted: 130,
} as const;

/** The exit code that a session's state stands for; null while it is under way. */
export function exitCodeOf({ state, stage, failure }: Session): number | null {
  if (state === 'COMPLETE') return exitCodes.complete;
  if (state === 'FAILED') return failure?.code === 'ABORTED' ? exitCodes.aborted : exitCodes.failed;
  if (state === 'PAUSED') return exitCodes.paused;
  const waits = stage === 'awaiting_input' || stage === 'awaiting_approval';
  return state === 'PREFLIGHT' && waits ? exitCodes.missingInformation : null;
}
