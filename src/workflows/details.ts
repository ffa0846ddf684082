import type { SessionView } from '../domain/session.ts';
import { workflowIdOf } from '../domain/session.ts';

/** What a session waits for, by the names under which it can be supplied. */
export interface Awaited {
  readonly inputs: readonly string[];
  readonly answers: readonly string[];
}

/** The live details in the Temporal Web UI: the state, how far it is, what is awaited, and the exact command to go on. */
export function detailsOf(view: SessionView, awaited: Awaited, brief: string | null = null): string {
  const lines = [
    `**${view.state}** · ${view.stage}`,
    '',
    `Turns ${view.turns} · verification rounds ${view.iteration}`,
  ];
  if (view.digest !== null) lines.push('', `Snapshot \`${view.digest}\``);
  if (view.missing.length > 0) {
    lines.push(
      '',
      'Missing:',
      ...view.missing.map((text) => `- ${text}`),
      '',
      'Answer with:',
      '',
      commandFor(view, awaited),
    );
  }
  if (view.stage === 'awaiting_approval') {
    const approve = signal(view, 'approve', { contract: view.contract, by: '…' });
    lines.push('', 'The contract is to be read and approved:', '', brief ?? '', '', 'Approve with:', '', approve);
  }
  if (view.pause !== null) {
    lines.push(
      '',
      `Paused (${view.pause.code}): ${view.pause.message}`,
      view.pause.remedy,
      '',
      signal(view, 'resume', {}),
    );
  }
  if (view.failure !== null)
    lines.push('', `Failed (${view.failure.code}): ${view.failure.message}`, view.failure.remedy);
  return lines.join('\n');
}

function commandFor(view: SessionView, awaited: Awaited): string {
  const blanks = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, '…']));
  return signal(view, 'supplyInfo', { inputs: blanks(awaited.inputs), answers: blanks(awaited.answers) });
}

function signal({ sessionId }: SessionView, name: string, input: object): string {
  const command = `temporal workflow signal --workflow-id ${workflowIdOf(sessionId)} --name ${name}`;
  return `    ${command} --input '${JSON.stringify(input)}'`;
}
