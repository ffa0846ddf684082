import type { Snapshot } from '../domain/snapshot.ts';

/** What the agent of a fork is told after the transcript it was given; null when it just goes on. A pure function of the snapshot. */
export function forkPromptFor({ parent }: Snapshot): string | null {
  if (parent === undefined || parent.prompt === null) return null;
  // The parent's id makes it another text than that of any fork before, which may stand in the transcript already.
  const head = `[holdfast] The task was forked here, after turn ${parent.turn} of ${parent.sessionId}.`;
  return `${head} The files are as they were then. Do this now:\n\n<task>\n${parent.prompt.trim()}\n</task>`;
}
