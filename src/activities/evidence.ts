import { blockersOf, hasGuardsInRed, type Verification } from '../domain/gate.ts';
import type { Check, SyntaxCheck } from '../domain/verdict.ts';

const MAX_CHARS = 24_000;
const MAX_PUT_BACK_CHARS = 2_000;

/**
 * What goes back to the agent after a red round: what is red, with the end of its log. Stable text for the same verification.
 * @param putBack paths that the agent changed where nothing can be delivered
 */
export function evidenceOf(verification: Verification, putBack: readonly string[] = []): string {
  const { checks, syntax, round } = verification;
  const red = checks.filter(
    ({ verdict }) => verdict === 'regressed' || verdict === 'still_failing' || verdict === 'flaky',
  );
  const parts = [...syntax.filter(({ verdict }) => verdict === 'regressed').map(syntaxPart), ...red.map(checkPart)];
  const share = Math.floor(MAX_CHARS / Math.max(1, parts.length));
  const head = `Verification round ${round + 1}: the server ran the acceptance commands on your result and they are not green.`;
  const inputs = putBack.length === 0 ? [] : [endOf(putBackText(putBack), MAX_PUT_BACK_CHARS)];
  return [head, ...inputs, ...parts.map((part) => endOf(part, share)), adviceOn(verification)].join('\n\n');
}

function putBackText(paths: readonly string[]): string {
  return `Submodules are inputs, and nothing in them is delivered. Before the commands ran these were put back as they were: ${paths.join(', ')}`;
}

function adviceOn(verification: Verification): string {
  if (blockersOf(verification).length > 0) return 'Correct the work, then call submit_result again.';
  return 'These were red before your change as well. If they are part of your task, correct the work; then call submit_result again.';
}

/** True when the agent is to be told of this round. What was red before and is not demanded is told once, in the first round. */
export function goesBack(verification: Verification, mayRepair: boolean): boolean {
  if (blockersOf(verification).length > 0) return true;
  return mayRepair && verification.round === 0 && hasGuardsInRed(verification);
}

function checkPart({ command, verdict, after }: Check): string {
  const end = after?.reason === 'exit' ? `exit code ${after.exitCode}` : `ended by ${after?.reason}`;
  return `$ ${command}\n${verdict}, ${end}\n${after?.tail ?? ''}`;
}

function syntaxPart({ tool, faults }: SyntaxCheck): string {
  return [`Syntax (${tool}):`, ...faults.slice(0, 20).map(({ path, message }) => `${path}: ${message}`)].join('\n');
}

/** A part that is too long loses its middle: the command stands at its head, the failure mostly at its end. */
function endOf(part: string, max: number): string {
  if (part.length <= max) return part;
  const head = part.slice(0, 500);
  return `${head}\n[… cut; the whole log is kept with the session …]\n${part.slice(-Math.max(0, max - head.length))}`;
}
