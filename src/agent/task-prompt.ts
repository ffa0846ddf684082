import type { Snapshot } from '../domain/snapshot.ts';

/** The first message to the agent: the frozen agreement in words. A pure function of the snapshot. */
export function taskPromptFor(snapshot: Snapshot): string {
  const { prompt, goal, skillText, inputs, answers, assumptions, files, waivers = [] } = snapshot;
  return [
    `<task>\n${prompt.trim()}\n</task>`,
    `<goal>\n${goal}\n</goal>`,
    ...section('skill', skillText.trim()),
    ...section('inputs', lines(Object.entries(inputs).map(([name, value]) => `${name}: ${value}`))),
    ...section('answers', lines(answers.map(({ question, answer }) => `${question}\n  ${answer}`))),
    ...section('assumptions', lines(assumptions)),
    ...section('waived', lines(waivers.map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`))),
    ...section('files', lines(files.slice(0, 100).map(({ path }) => path))),
  ].join('\n\n');
}

function section(name: string, text: string): string[] {
  return text === '' ? [] : [`<${name}>\n${text}\n</${name}>`];
}

function lines(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}
