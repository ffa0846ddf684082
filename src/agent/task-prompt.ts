import type { Snapshot } from '../domain/snapshot.ts';
import { usesLfs } from '../domain/task.ts';

const inputsOnly = `These directories are other repositories: inputs, of which nothing is delivered. Change nothing in them; what is changed there is put
back before the checks.`;

const contentsHere = `Files that Git LFS keeps are here with their content. "git status" shows them as modified: in the commit they are pointers, and
are so again in what is delivered.`;

/** The first message to the agent: the frozen agreement in words. A pure function of the snapshot. */
export function taskPromptFor(snapshot: Snapshot): string {
  const { prompt, goal, skillText, inputs, answers, assumptions, files, submodules = [], waivers = [] } = snapshot;
  return [
    `<task>\n${prompt.trim()}\n</task>`,
    `<goal>\n${goal}\n</goal>`,
    ...section('skill', skillText.trim()),
    ...section('inputs', lines(Object.entries(inputs).map(([name, value]) => `${name}: ${value}`))),
    ...section('answers', lines(answers.map(({ question, answer }) => `${question}\n  ${answer}`))),
    ...section('assumptions', lines(assumptions)),
    ...section('waived', lines(waivers.map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`))),
    ...section(
      'submodules',
      submodules.length === 0 ? '' : `${inputsOnly}\n${lines(submodules.map(({ path }) => path))}`,
    ),
    ...section('lfs', usesLfs(snapshot.source) ? contentsHere : ''),
    ...section('files', lines(files.slice(0, 100).map(({ path }) => path))),
  ].join('\n\n');
}

function section(name: string, text: string): string[] {
  return text === '' ? [] : [`<${name}>\n${text}\n</${name}>`];
}

function lines(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}
