import type { ZodType } from 'zod';
import { Contract } from '../domain/contract.ts';
import { countNotGreen, standingOf, type Verification } from '../domain/gate.ts';
import type { State } from '../domain/session.ts';
import { Snapshot } from '../domain/snapshot.ts';
import { totalTokens, type Usage } from '../domain/usage.ts';
import type { Check } from '../domain/verdict.ts';
import type { Change, GitManager } from '../git/git-manager.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import type { CommitManager } from './commit-manager.ts';
import { driftsOf } from './drift-watch.ts';
import { toMarkdown } from './report-markdown.ts';
import { skippedOf, type Report } from './report.ts';
import { reproductionOf } from './reproduction.ts';
import { digestOf, jsonOf } from '../digest/canonical-json.ts';
import type { Kept } from './work-keeper.ts';

/** What a report is written about. */
export interface Ending {
  readonly ended: State<'COMPLETE' | 'FAILED'>;
  readonly kept: Kept;
  /** The agent's own words about its work. */
  readonly summary: string | null;
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
  async write(sessionId: string, ending: Ending): Promise<void> {
    const session = await this.#store.sessions.get(sessionId);
    const put = (name: string, type: string, text: string) =>
      this.#store.artifacts.put(sessionId, name, type, text, Date.now());
    const { tree } = ending.kept;
    // Where the files are lost, the report is still written.
    const trees = session.base !== null && tree !== null && (await this.#git.open(sessionId).has(tree));
    const known = trees ? { base: session.base?.tree ?? '', tree } : null;
    const patch = known === null ? '' : await this.#commits.keepPatch(sessionId, known.base, known.tree);
    if (known === null) await put('diff.patch', 'text/x-diff', '');
    const { journal } = this.#store;
    const redactor = await this.#store.redactorOf(sessionId);
    const keep = async (name: string, thread?: string): Promise<string> => {
      const entries = await journal.transcript(sessionId, thread);
      const text = redactor.text(entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      await put(name, 'application/jsonl', text);
      return text;
    };
    const transcript = await keep('transcript.jsonl');
    for (const task of await journal.subAgents(sessionId)) await keep(`tasks/${task}/transcript.jsonl`, task);
    const changes = known === null ? [] : await this.#git.open(sessionId).changes(known.base, known.tree);
    const digests = { patch: patch || digestOf(''), transcript: digestOf(transcript) };
    const report = redactor.json(await this.#report(session, ending, changes, digests));
    await put('report.json', 'application/json', JSON.stringify(report, null, 2));
    await put('report.md', 'text/markdown', toMarkdown(report));
  }

  async #report(
    session: SessionRecord,
    { ended, kept, summary }: Ending,
    changes: readonly Change[],
    files: Record<string, string>,
  ): Promise<Report> {
    const { id, task, base, frozen, plan, createdAt } = session;
    // Another attempt writes the same report.
    const endedAt = await this.#store.outcomes.once(id, 'ended', async () => Date.now());
    const usage = await this.#store.journal.usage(id);
    const snapshot = frozen === null ? null : await this.#snapshot(frozen.digest);
    const contract = (snapshot && (await this.#contract(snapshot.contract))) ?? session.contract;
    const { tree, branch, commit, rounds } = kept;
    const round = rounds.findLast((verification) => verification.tree === tree);
    const { altered = [], checks = [], syntax = [] } = round ?? {};
    const pullRequest = ended.phase === 'COMPLETE' ? ended.delivered.pullRequest : undefined;
    const items = contract?.items ?? [];
    const agreed = snapshot && {
      snapshot: frozen?.digest ?? '',
      contract: snapshot.contract,
      'system prompt': snapshot.systemPrompt,
    };
    const sum = (of: 'additions' | 'deletions') => changes.reduce((total, change) => total + change[of], 0);
    return {
      sessionId: id,
      taskId: task.taskId,
      outcome: ended.phase,
      goal: contract?.goal ?? '',
      snapshot: frozen?.digest ?? null,
      base: base?.commit ?? null,
      branch,
      commit,
      ...(pullRequest !== undefined && { pullRequest: pullRequest.url }),
      tree,
      verified: ended.phase === 'COMPLETE' && ended.delivered.verified,
      note: round === undefined ? null : standingOf(round).note,
      failure: ended.phase === 'FAILED' ? ended.failure : null,
      plan,
      summary,
      answers: snapshot?.answers ?? [],
      assumptions: contract?.assumptions ?? [],
      waived: items
        .filter(({ state }) => state === 'waived')
        .map(({ kind, name, evidence }) => ({ kind, name, evidence })),
      drift: await driftsOf(this.#store, id),
      skipped: skippedOf({ strategy: snapshot?.testStrategy ?? null, checks, syntax, items, altered, kept }),
      changes,
      diffstat: { files: changes.length, additions: sum('additions'), deletions: sum('deletions') },
      checks,
      syntax,
      rounds: rounds.map((one) => reported(one, one === round)),
      usage: spentOn(session, { usage, checks, endedAt }),
      createdAt,
      endedAt,
      model: `${task.model.provider}/${task.model.id}`,
      digests: { ...agreed, ...files },
      reproduce: reproductionOf({
        sessionId: id,
        source: task.source,
        base: base?.commit ?? null,
        branch,
        commit,
        isApplied: ended.phase === 'COMPLETE' && ended.delivered.kind === 'directory',
        isChanged: changes.length > 0,
        setup: snapshot?.setup ?? [],
        commands: snapshot?.acceptance ?? [],
      }),
    };
  }

  /** Null when it cannot be read any more: the end is told all the same. */
  async #snapshot(digest: string): Promise<Snapshot | null> {
    return this.#read(digest, Snapshot);
  }

  /** What was agreed, and not what the records say by now. */
  async #contract(digest: string): Promise<Contract | null> {
    return this.#read(digest, Contract);
  }

  async #read<T>(digest: string, shape: ZodType<T>): Promise<T | null> {
    const bytes = await this.#store.blobs.get(digest).catch(() => null);
    return bytes === null ? null : (shape.safeParse(jsonOf(bytes.toString('utf8'))).data ?? null);
  }
}

function reported(verification: Verification, kept: boolean): Report['rounds'][number] {
  const { round, tree } = verification;
  return { round, tree, notGreen: countNotGreen(verification), kept };
}

function spentOn(
  { contractUsage, createdAt }: SessionRecord,
  { usage, checks, endedAt }: { readonly usage: Usage; readonly checks: readonly Check[]; readonly endedAt: number },
): Report['usage'] {
  return {
    turns: usage.turns,
    tokens: totalTokens(usage),
    costUsd: usage.costUsd,
    wallMs: usage.wallMs,
    checksMs: checks.reduce((total, check) => total + timeOf(check), 0),
    elapsedMs: Math.max(0, endedAt - createdAt),
    contract: contractUsage && {
      tokens: totalTokens(contractUsage),
      costUsd: contractUsage.costUsd,
      wallMs: contractUsage.wallMs,
    },
  };
}

function timeOf({ baseline, after }: Check): number {
  return [baseline, baseline?.again, after, after?.again].reduce((total, run) => total + (run?.wallMs ?? 0), 0);
}
