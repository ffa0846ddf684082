import { acceptanceOf, type Contract } from '../domain/contract.ts';

const MAX_CHARS = 4_000;
const marks = { satisfied: 'x', waived: '~', unverified: '?', missing: ' ' } as const;

/**
 * The contract in a few lines of Markdown, for whoever is to approve it. Everything in it was written by a model or a stranger:
 * each text is one line of code style, so that it can be read and not rendered.
 */
export function briefOf(contract: Contract): string {
  const lines = [
    `Goal: ${quoted(contract.goal)}`,
    ...contract.items.map(
      ({ kind, name, state, source, evidence }) =>
        `- [${marks[state]}] ${kind} ${quoted(name)} (${source}, ${state}): ${quoted(evidence)}`,
    ),
    ...contract.assumptions.map((text) => `- assumes ${quoted(text)}`),
    `Decided by: ${acceptanceOf(contract).map(quoted).join(', ') || 'no command; the result will be unverified'}`,
  ];
  const text = lines.join('\n');
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS)}…`;
}

function quoted(text: string): string {
  return `\`${text.replace(/[`\s]+/g, ' ').slice(0, 200)}\``;
}
