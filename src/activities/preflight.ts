import { systemPromptFor } from '../agent/system-prompt.ts';
import { assess } from '../domain/assessment.ts';
import { acceptanceOf, awaitedBy, mergeSkill, missingInfo, type Contract } from '../domain/contract.ts';
import { HoldfastError } from '../domain/failure.ts';
import { guardsOf } from '../domain/guards.ts';
import type { Base, Frozen } from '../domain/session.ts';
import { renderSkill, type Skill } from '../domain/skill.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { whitelistFor } from '../domain/tools.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import { holdfastVersion, piVersion } from '../version.ts';
import { discoverAcceptance } from './acceptance-discovery.ts';
import type { ContractSynthesizer } from './contract-synthesizer.ts';
import type { Credentials } from './credentials.ts';
import { ForkAgreement } from './fork-agreement.ts';
import { probe } from './preflight-probes.ts';
import { loadSkill } from './skill-loader.ts';
import { canonicalJson, digestOf, type SnapshotBuilder } from './snapshot-builder.ts';
import type { SourceImporter } from './source-importer.ts';

const MAX_SCRIPT_BYTES = 32 * 1024;

/** What is still missing, and under which names it can be supplied. */
export interface PreflightCheck {
  readonly missing: readonly string[];
  readonly awaited: { readonly inputs: readonly string[]; readonly answers: readonly string[] };
}

/** What has been supplied so far. */
interface Supplied {
  readonly sessionId: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<string, string>>;
}

/** What the preflight is made of. */
export interface PreflightParts {
  readonly store: Store;
  readonly git: GitManager;
  readonly sandbox: Sandbox;
  readonly credentials: Credentials;
  readonly synthesizer: ContractSynthesizer;
  readonly snapshots: SnapshotBuilder;
  readonly sources: SourceImporter;
  readonly skillsDir: string;
}

/** Everything up to the freeze: writing the contract, checking it, and freezing what was agreed. */
export class Preflight {
  readonly #parts: PreflightParts;
  readonly #forks: ForkAgreement;

  constructor(parts: PreflightParts) {
    this.#parts = parts;
    this.#forks = new ForkAgreement(parts);
  }

  /** Lets the model write the contract, once; a contract that is on record is not bought again, and a fork has its parent's. */
  async synthesize(sessionId: string, signal: AbortSignal): Promise<void> {
    const { credentials, git, sources, store, synthesizer } = this.#parts;
    const session = await store.sessions.get(sessionId);
    if (session.task.parent !== undefined) return this.#forks.assertDeliverable(session, signal);
    if (session.contract !== null) return;
    await sources.ensure(sessionId, signal);
    const { task } = session;
    const tree = baseOf(session).tree;
    const skill = await this.#skill(session);
    const scripts = await this.#scripts(sessionId, tree, skill);
    const files = await git.open(sessionId).listFiles(tree);
    const { draft } = await synthesizer.synthesize({
      prompt: task.userPrompt,
      ...(skill !== null && { skillText: skill.body }),
      scripts,
      files,
      model: task.model,
      key: await credentials.modelKey(sessionId, task.model),
      signal,
    });
    const remote = task.delivery === 'branch' && task.source.kind === 'repository' ? task.source.url : null;
    const discovered = await discoverAcceptance(files, (path) => this.#text(sessionId, tree, path));
    const demands = { acceptance: task.acceptance, discovered, remote };
    await store.sessions.setContract(sessionId, mergeSkill(draft, skill, demands));
  }

  /** Checks the contract against everything that is known now, and records how each item stands. */
  async check({ sessionId, inputs, answers }: Supplied, signal: AbortSignal): Promise<PreflightCheck> {
    const { git, sandbox, sources, store } = this.#parts;
    await sources.ensure(sessionId, signal);
    const session = await store.sessions.get(sessionId);
    const { task } = session;
    if (task.parent !== undefined) return { missing: [], awaited: { inputs: [], answers: [] } };
    const probePush = () => this.#probePush(session, signal);
    const findings = await probe(contractOf(session), {
      git: git.open(sessionId),
      tree: baseOf(session).tree,
      sandbox,
      probePush,
    });
    const given = { ...task.inputs, ...inputs };
    const contract = assess(contractOf(session), { findings, inputs: given, answers, onMissing: task.onMissing });
    await store.sessions.setContract(sessionId, contract);
    return { missing: missingInfo(contract), awaited: awaitedBy(contract) };
  }

  /** Freezes what was agreed: after this nothing of it can change. */
  async freeze(info: Supplied & { readonly at: number }, signal: AbortSignal): Promise<Frozen> {
    const { snapshots, sources, store } = this.#parts;
    await sources.ensure(info.sessionId, signal);
    const session = await store.sessions.get(info.sessionId);
    const isFork = session.task.parent !== undefined;
    return snapshots.freeze(await (isFork ? this.#forks.snapshot(session, info.at) : this.#snapshot(session, info)));
  }

  async #snapshot(
    session: SessionRecord,
    { inputs, answers, at }: Supplied & { readonly at: number },
  ): Promise<Snapshot> {
    const { git, sandbox } = this.#parts;
    const { id, task } = session;
    const base = baseOf(session);
    const contract = contractOf(session);
    const skill = await this.#skill(session);
    const given = { ...task.inputs, ...inputs };
    const repository = git.open(id);
    const files = await repository.matchFiles(base.tree, contract.requiredFiles);
    const scripts = await repository.matchFiles(base.tree, contract.requiredScripts);
    const tools = whitelistFor(skill?.requiredTools ?? [], contract.requiredTools);
    const acceptance = acceptanceOf(contract);
    if (task.strict && acceptance.length === 0) {
      throw new HoldfastError(
        'MISSING_INFORMATION',
        'strict wants proof, and there is no acceptance command to prove it by.',
      );
    }
    return {
      version: 1,
      sessionId: id,
      prompt: task.userPrompt,
      skillText: skill === null ? '' : renderSkill(skill, given),
      source: task.source,
      base,
      inputs: given,
      answers: contract.questions.flatMap((question) => {
        const answer = answers[question.id];
        return answer === undefined ? [] : [{ id: question.id, question: question.question, answer }];
      }),
      assumptions: contract.assumptions,
      contract: digestOf(canonicalJson(contract)),
      goal: contract.goal,
      files: await repository.hashFiles(base.tree, files),
      scripts: await repository.hashFiles(base.tree, scripts),
      tools,
      keepIgnored: task.keepIgnored,
      model: task.model,
      systemPrompt: digestOf(systemPromptFor({ tools, acceptance })),
      limits: task.limits,
      sandbox: { kind: sandbox.kind, network: 'none' },
      testStrategy: task.testStrategy,
      acceptance,
      verification: { strict: task.strict, onRedEnd: task.onRedEnd, guards: guardsOf(contract) },
      delivery: task.delivery,
      branch: task.branch,
      author: task.author,
      versions: { holdfast: holdfastVersion, pi: piVersion },
      createdAt: at,
    };
  }

  #skill(session: SessionRecord): Promise<Skill | null> {
    const { git, skillsDir } = this.#parts;
    return loadSkill(session.task.skill, git.open(session.id), baseOf(session).tree, skillsDir);
  }

  async #scripts(sessionId: string, tree: string, skill: Skill | null): Promise<{ path: string; text: string }[]> {
    const scripts: { path: string; text: string }[] = [];
    for (const path of skill?.requiredScripts ?? []) {
      const text = await this.#text(sessionId, tree, path);
      if (text !== null) scripts.push({ path, text });
    }
    return scripts;
  }

  /** A file of a tree as text; null when there is none, or it is too large to be shown to anybody. */
  async #text(sessionId: string, tree: string, path: string): Promise<string | null> {
    return (await this.#parts.git.open(sessionId).readFile(tree, path, MAX_SCRIPT_BYTES))?.toString('utf8') ?? null;
  }

  async #probePush({ id, task, base }: SessionRecord, signal: AbortSignal): Promise<void> {
    const credentials = await this.#parts.credentials.git(id);
    const branch = { source: task.source, branch: task.branch, signal, ...(credentials && { credentials }) };
    await this.#parts.git.probePush({ sessionId: id, commit: base?.commit ?? '', ...branch });
  }
}

function baseOf({ id, base }: SessionRecord): Base {
  if (base === null) throw new HoldfastError('INTERNAL', `Session ${id} has no base commit.`);
  return base;
}

function contractOf({ id, contract }: SessionRecord): Contract {
  if (contract === null) throw new HoldfastError('INTERNAL', `Session ${id} has no contract.`);
  return contract;
}
