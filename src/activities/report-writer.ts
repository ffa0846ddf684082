import type { Change, GitManager } from '../git/git-manager.ts';
import { totalTokens } from '../domain/usage.ts';
import type { State } from '../domain/session.ts';
import type { Check } from '../domain/verdict.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import type { CommitManager } from './commit-manager.ts';

/** The report of a session as data; `report.json` is this, `report.md` is made of it. */
export interface Report {
  readonly sessionId: string;
  readonly taskId: string;
  readonly outcome: 'COMPLETE' | 'FAILED';
  readonly goal: string;
  readonly snapshot: string | null;
  readonly base: string | null;
  readonly branch: string | null;
  readonly commit: string | null;
  readonly tree: string | null;
  /** False also when there was nothing to verify by. */
  readonly verified: boolean;
  readonly failure: State<'FAILED'>['failure'] | null;
  readonly plan: SessionRecord['plan'];
  readonly summary: string | null;
  readonly assumptions: readonly string[];
  readonly changes: readonly Change[];
  readonly checks: readonly Check[];
  readonly usage: {
    readonly turns: number;
    readonly tokens: number;
    readonly costUsd: number;
    readonly wallMs: number;
  };
}

/** Writes what a session leaves behind: report, patch and transcript. Whatever the end was, the work is kept. */
export class ReportWriter {
  readonly #store: Store;
  readonly #git: GitManager;
  readonly #commits: CommitManager;

  constructor(deps: { readonly store: Store; readonly git: GitManager; readonly commits: CommitManager }) {
    this.#store = deps.store;
    this.#git = deps.git;
    this.#commits = deps.commits;
  }

  /**
   * Writes `report.json`, `report.md`, `diff.patch`, `transcript.jsonl`, and `tasks/<id>/transcript.jsonl` of each sub-agent; again, if
   * it is called again.
   */
  async write(sessionId: string, ended: State<'COMPLETE' | 'FAILED'>, summary: string | null): Promise<void> {
    const session = await this.#store.sessions.get(sessionId);
    const report = await this.#report(session, ended, summary);
    const put = (name: string, type: string, text: string) =>
      this.#store.artifacts.put(sessionId, name, type, text, Date.now());
    const { base } = session;
    if (base !== null && report.tree !== null && (await this.#git.open(sessionId).has(report.tree))) {
      await this.#commits.keepPatch(sessionId, base.tree, report.tree);
    } else await put('diff.patch', 'text/x-diff', '');
    const { journal } = this.#store;
    const keep = async (name: string, thread?: string) => {
      const entries = await journal.transcript(sessionId, thread);
      await put(name, 'application/jsonl', entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    };
    await keep('transcript.jsonl');
    for (const task of await journal.subAgents(sessionId)) await keep(`tasks/${task}/transcript.jsonl`, task);
    await put('report.json', 'application/json', JSON.stringify(report, null, 2));
    await put('report.md', 'text/markdown', toMarkdown(report));
  }

  async #report(session: SessionRecord, ended: State<'COMPLETE' | 'FAILED'>, summary: string | null): Promise<Report> {
    const { id, task, base, contract, frozen } = session;
    const checkpoint = await this.#store.journal.latest(id);
    const usage = await this.#store.journal.usage(id);
    const delivered = ended.phase === 'COMPLETE' ? ended.delivered : null;
    const tree = delivered?.tree ?? checkpoint?.tree ?? null;
    const git = this.#git.open(id);
    // Where the files are lost, the report is still written.
    const known = base !== null && tree !== null && (await git.has(tree));
    const changes = known ? await git.changes(base.tree, tree) : [];
    return {
      sessionId: id,
      taskId: task.taskId,
      outcome: ended.phase,
      goal: contract?.goal ?? '',
      snapshot: frozen?.digest ?? null,
      base: base?.commit ?? null,
      branch: delivered?.branch ?? null,
      commit: delivered?.commit ?? null,
      tree,
      verified: delivered?.verified ?? false,
      failure: ended.phase === 'FAILED' ? ended.failure : null,
      plan: session.plan,
      summary,
      assumptions: contract?.assumptions ?? [],
      changes,
      checks: await this.#checks(id),
      usage: { turns: usage.turns, tokens: totalTokens(usage), costUsd: usage.costUsd, wallMs: usage.wallMs },
    };
  }

  async #checks(sessionId: string): Promise<Check[]> {
    const artifacts = await this.#store.artifacts.list(sessionId);
    if (!artifacts.some(({ name }) => name === 'checks.json')) return [];
    const { bytes } = await this.#store.artifacts.read(sessionId, 'checks.json');
    return JSON.parse(bytes.toString('utf8')) as Check[];
  }
}

/** The report for people. */
export function toMarkdown(report: Report): string {
  const { usage } = report;
  return [
    `# ${report.outcome === 'COMPLETE' ? 'Done' : 'Failed'}: ${report.goal || report.sessionId}`,
    ...(report.failure === null
      ? []
      : [`**${report.failure.code}**: ${report.failure.message}\n\n${report.failure.remedy}`]),
    ...(report.outcome === 'COMPLETE' && !report.verified ? ['**NOT VERIFIED: no acceptance command was run.**'] : []),
    table([
      ['Session', report.sessionId],
      ['Snapshot', report.snapshot],
      ['Base commit', report.base],
      ['Branch', report.branch],
      ['Commit', report.commit],
      [
        'Usage',
        `${usage.turns} turns, ${usage.tokens} tokens, ${usage.costUsd.toFixed(4)} USD, ${Math.round(usage.wallMs / 1000)} s`,
      ],
    ]),
    ...section('What was done', report.summary === null ? [] : [report.summary]),
    ...section(
      'Plan',
      report.plan.map(({ title, status }) => `- [${status === 'done' ? 'x' : ' '}] ${title}`),
    ),
    ...section(
      'Changes',
      report.changes.map((change) => `- ${change.status} \`${change.path}\` +${change.additions} −${change.deletions}`),
    ),
    ...section('Checks', report.checks.map(describeCheck)),
    ...section(
      'Assumptions',
      report.assumptions.map((text) => `- ${text}`),
    ),
    '',
  ].join('\n\n');
}

function describeCheck({ command, verdict, baseline, after }: Check): string {
  const exit = (run: Check['after']) =>
    run === null ? 'not run' : run.reason === 'exit' ? `exit ${run.exitCode}` : run.reason;
  return `- **${verdict}** \`${command}\` (before: ${exit(baseline)}, after: ${exit(after)}; log ${after?.log ?? 'none'})`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`## ${title}`, lines.join('\n')];
}

function table(rows: readonly (readonly [string, string | null])[]): string {
  const lines = rows.filter(([, value]) => value !== null).map(([name, value]) => `| ${name} | ${value} |`);
  return ['| | |', '|---|---|', ...lines].join('\n');
}
