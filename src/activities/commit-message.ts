import { commitBody } from '../domain/commit-body.ts';
import { termsOf } from '../domain/delivery.ts';
import type { Delivery } from './commit-manager.ts';

/** The message of a result's commit: title, the agent's words, what was assumed and waived, and last the trailers (git-interpret-trailers(1)). */
export function commitMessage({ snapshot, digest, verified, note, summary }: Delivery): string {
  const title = commitBody(oneLine(snapshot.goal, 72));
  const body = summary.trim() === '' ? [] : ['', commitBody(summary)];
  const assumed =
    snapshot.assumptions.length === 0
      ? []
      : ['', 'Assumed:', ...snapshot.assumptions.map((text) => `- ${oneLine(text, 200)}`)];
  const waived = (snapshot.waivers ?? []).map(
    ({ kind, name, by, reason }) => `- ${kind} ${oneLine(name, 100)}, by ${oneLine(by, 60)}: ${oneLine(reason, 200)}`,
  );
  const { coAuthors, trailers: given } = termsOf(snapshot);
  const trailers = [
    '',
    ...given.map(({ name, value }) => `${name}: ${oneLine(value, 500)}`),
    `Holdfast-Session: ${snapshot.sessionId}`,
    `Holdfast-Snapshot: ${digest}`,
    ...coAuthors.map(({ name, email }) => `Co-authored-by: ${oneLine(name, 200)} <${email}>`),
  ];
  const settled = waived.length === 0 ? [] : ['', 'Waived:', ...waived];
  return [title, ...body, ...assumed, ...settled, ...standingLines(verified, note), ...trailers, ''].join('\n');
}

function standingLines(verified: boolean, note: string | null): string[] {
  if (!verified) return ['', `NOT VERIFIED: ${oneLine(note ?? 'no acceptance command was run', 500)}.`];
  return note === null ? [] : ['', `Verified by the server's checks, with a reservation: ${oneLine(note, 500)}.`];
}

function oneLine(text: string, max: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}
