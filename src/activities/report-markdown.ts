import type { Drift } from '../domain/drift.ts';
import type { PlanStep } from '../domain/events.ts';
import type { Check, CheckRun, SyntaxCheck } from '../domain/verdict.ts';
import type { Report } from './report.ts';

/** The report for people. */
export function toMarkdown(report: Report): string {
  const { assumptions, changes, checks, diffstat, plan, reproduce, skipped, summary, syntax, waived } = report;
  const total = `${diffstat.files} files, +${diffstat.additions} −${diffstat.deletions}`;
  return [
    `# ${report.outcome === 'COMPLETE' ? 'Done' : 'Failed'}: ${oneLine(report.goal) || report.sessionId}`,
    ...headlines(report),
    facts(report),
    ...section('What was done', summary === null ? [] : quoted(summary)),
    ...section('Plan', plan.map(describeStep)),
    ...section(
      `Changes: ${total}`,
      changes.map((change) => `- ${change.status} ${code(change.path)} +${change.additions} −${change.deletions}`),
    ),
    ...section('Checks', [...checks.map(describeCheck), ...syntax.map(describeSyntax)]),
    ...section('Rounds', roundsOf(report)),
    ...section(
      'Answered',
      report.answers.map(({ question, answer }) => `- ${oneLine(question)} → ${oneLine(answer)}`),
    ),
    ...section(
      'Assumed',
      assumptions.map((text) => `- ${oneLine(text)}`),
    ),
    ...section(
      'Waived',
      waived.map(({ kind, name, evidence }) => `- ${kind} ${code(name)}: ${oneLine(evidence)}`),
    ),
    ...section('Moved since the freeze', report.drift.map(describeDrift)),
    ...section(
      'Skipped, or not proven',
      skipped.map((text) => `- ${oneLine(text)}`),
    ),
    ...section(
      'Digests',
      Object.entries(report.digests).map(([name, digest]) => `- ${name}: ${code(digest)}`),
    ),
    ...section('How to reproduce', script(reproduce)),
    '',
  ].join('\n\n');
}

function headlines({ failure, note, outcome, verified }: Report): string[] {
  const why = failure === null ? [] : [`**${failure.code}**: ${oneLine(failure.message)}\n\n${failure.remedy}`];
  if (verified) return note === null ? why : [...why, `**VERIFIED, with a reservation: ${inline(note)}.**`];
  return outcome === 'FAILED' ? why : [`**NOT VERIFIED: ${inline(note ?? 'no acceptance command was run')}.**`];
}

function facts({ usage, ...report }: Report): string {
  const { contract } = usage;
  const price = ({ tokens, costUsd }: { readonly tokens: number; readonly costUsd: number }) =>
    `${tokens} tokens, ${costUsd.toFixed(4)} USD`;
  return table([
    ['Session', report.sessionId],
    ['Snapshot', report.snapshot],
    ['Base commit', report.base],
    ['Branch', report.branch],
    ['Pull request', report.pullRequest ?? null],
    ['Commit', report.commit],
    ['Model', report.model],
    ['Cost', `${usage.turns} turns, ${price(usage)}`],
    ['Cost of the contract', contract === null ? 'unknown' : `${price(contract)}, on top`],
    ['Time', `${seconds(usage.wallMs)} of work, ${seconds(usage.checksMs)} of checks`],
    ['Started', new Date(report.createdAt).toISOString()],
    ['Ended', `${new Date(report.endedAt).toISOString()}, ${elapsed(usage.elapsedMs)} later`],
  ]);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** `1 d 2 h 3 min 4 s`, without what is nothing. */
function elapsed(ms: number): string {
  const total = Math.round(ms / 1000);
  const parts = [
    [Math.floor(total / 86_400), 'd'],
    [Math.floor(total / 3_600) % 24, 'h'],
    [Math.floor(total / 60) % 60, 'min'],
    [total % 60, 's'],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return shown.join(' ') || '0 s';
}

function describeCheck({ claimed, command, required, verdict, baseline, after, note }: Check): string {
  const logs = [baseline, after].flatMap((run) => (run === null ? [] : [`${code(run.artifact)} ${run.log}`]));
  const said = [
    `before: ${endOf(baseline)}, after: ${endOf(after)}`,
    ...(required ? [] : [claimed === true ? 'proposed by nobody but the model' : 'proposed, not demanded']),
    ...(note === null ? [] : [note]),
    ...(logs.length === 0 ? [] : [`logs: ${logs.join(', ')}`]),
  ];
  return `- **${verdict}** ${code(command)} (${said.join('; ')})`;
}

function endOf(run: CheckRun | null): string {
  if (run === null) return 'not run';
  const end = (one: Pick<CheckRun, 'exitCode' | 'reason'>) =>
    one.reason === 'exit' ? `exit ${one.exitCode}` : one.reason;
  return run.again === null ? end(run) : `${end(run)}, again ${end(run.again)}`;
}

function describeSyntax({ tool, files, verdict, faults, note }: SyntaxCheck): string {
  const named = faults.slice(0, 10).map(({ path, message }) => `${code(path)}: ${oneLine(message).slice(0, 200)}`);
  const said = [`${files} changed files`, ...named, ...(note === null ? [] : [oneLine(note)])];
  return `- **${verdict}** syntax, ${tool} (${said.join('; ')})`;
}

function describeStep({ title, status }: PlanStep): string {
  return `- [${status === 'done' ? 'x' : ' '}] ${oneLine(title)}${status === 'in_progress' ? ' (in progress)' : ''}`;
}

function describeDrift(drift: Drift): string {
  if (drift.what === 'model') {
    return `- the model: ${code(drift.served)} answered, and ${code(drift.frozen)} before the freeze. ${oneLine(drift.decision)}`;
  }
  const more = drift.count > drift.paths.length ? ` and ${drift.count - drift.paths.length} more` : '';
  return `- the directory: ${drift.paths.map(code).join(', ')}${more}. ${oneLine(drift.decision)}`;
}

function roundsOf({ rounds }: Report): string[] {
  if (rounds.length < 2) return [];
  return rounds.map(
    ({ round, tree, notGreen, kept }) =>
      `- round ${round + 1}: ${notGreen} not green, tree ${code(tree)}${kept ? ' (**the files of this report**)' : ''}`,
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, lines.join('\n')];
}

function table(rows: readonly (readonly [string, string | null])[]): string {
  const lines = rows.filter(([, value]) => value !== null).map(([name, value]) => `| ${name} | ${value} |`);
  return ['| | |', '|---|---|', ...lines].join('\n');
}

/** What the agent or the repository wrote must not be able to begin a heading, a list or a line of ours. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Names of files stand in it, which an agent chose: nothing of it is rendered. */
function inline(text: string): string {
  return oneLine(text).replace(/[*_`<>[\]\\]/g, '\\$&');
}

/** The agent's words stay its own. */
function quoted(text: string): string[] {
  return text
    .trim()
    .split(/\r?\n|\r/)
    .map((line) => `> ${line}`.trimEnd());
}

/** A command may have lines of its own: none of them ends the block. */
function script(lines: readonly string[]): string[] {
  const text = lines.join('\n');
  const fence = fenceFor(text, '~', 3);
  return lines.length === 0 ? [] : ['In an empty directory:\n', `${fence}bash\n${text}\n${fence}`];
}

function code(text: string): string {
  const line = oneLine(text);
  const fence = fenceFor(line, '`', 1);
  const blank = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${blank}${line}${blank}${fence}`;
}

/** At least so many of a mark, and more than stand anywhere in a row in the text. */
function fenceFor(text: string, mark: '`' | '~', least: number): string {
  const runs = [...text.matchAll(/`+|~+/g)].map(([run]) => run).filter((run) => run.startsWith(mark));
  return mark.repeat(Math.max(least, ...runs.map((run) => run.length + 1)));
}
