import { assess } from '../domain/assessment.ts';
import { contentFindings } from '../domain/base-size.ts';
import { applyEdit, ContractEdit } from '../domain/contract-edit.ts';
import { mergeSkill } from '../domain/contract-merge.ts';
import { awaitedBy, grantedByPersons, missingInfo, type Contract } from '../domain/contract.ts';
import { isPushed } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Base, Frozen } from '../domain/session.ts';
import { whitelistFor } from '../domain/tools.ts';
import type { Usage } from '../domain/usage.ts';
import type { Approval, Waiver } from '../domain/waiver.ts';
import { canonicalJson, digestOf, jsonOf } from '../digest/canonical-json.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { SessionGit } from '../git/session-git.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import { discoverAcceptance } from './acceptance-discovery.ts';
import { briefOf } from './contract-brief.ts';
import type { ContractSynthesizer } from './contract-synthesizer.ts';
import type { Credentials } from './credentials.ts';
import type { DeliveryProbe } from './delivery-probe.ts';
import { ForkAgreement } from './fork-agreement.ts';
import { probe } from './preflight-probes.ts';
import { loadSkill, type LoadedSkill } from './skill-loader.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';
import { snapshotOf } from './snapshot-content.ts';
import type { SourceImporter } from './source-importer.ts';

const SKILL_ARTIFACT = 'skill.json';
const MAX_SCRIPT_BYTES = 2 ** 20;

/** What is still missing, and under which names it can be supplied. */
export interface PreflightCheck {
  readonly missing: readonly string[];
  readonly awaited: { readonly inputs: readonly string[]; readonly answers: readonly string[] };
  /** Digest of the contract as it stands; results from before there was one have none. */
  readonly contract?: string;
  /** The contract in a few lines, where a person must approve it. */
  readonly brief?: string;
}

/** What has been supplied so far, as the workflow passes it on. */
export interface Supplied {
  readonly sessionId: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<string, string>>;
  readonly waivers?: readonly Waiver[];
  /** Blobs of {@link ContractEdit}s, in the order in which they came. */
  readonly edits?: readonly string[];
}

/** What is to be frozen. */
export interface Agreed extends Supplied {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly approval?: Approval;
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
  readonly delivery: DeliveryProbe;
  readonly skillsDir: string;
  /** Longest time of one acceptance command, in milliseconds. */
  readonly checkTimeoutMs: number;
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
    const loaded = await this.#skill(session);
    const scripts = loaded === null ? [] : await this.#scripts(sessionId, tree, loaded);
    const files = await git.open(sessionId).listFiles(tree);
    const request = {
      prompt: task.userPrompt,
      ...(loaded !== null && { skillText: loaded.skill.body }),
      scripts,
      files,
      model: task.model,
      signal,
      noteUsage: (usage: Usage) => store.sessions.addContractUsage(sessionId, usage),
    };
    const measuring = git.open(sessionId).measure(tree);
    measuring.catch(() => undefined); // It is awaited when the model has answered.
    const written = new AbortController();
    const ahead = this.#hashAhead(git.open(sessionId), tree, loaded, written.signal);
    const { draft, writtenBy } = await credentials
      .withModelKey(sessionId, task.model, (key) => synthesizer.synthesize({ ...request, key }))
      .finally(() => {
        written.abort();
        return ahead; // Nothing goes on when this is over.
      });
    const remote = isPushed(task.delivery) && task.source.kind === 'repository' ? task.source.url : null;
    const size = await measuring;
    const content = contentFindings(size).map(({ name }) => name);
    const discovered = await discoverAcceptance(files, (path) => this.#text(sessionId, tree, path));
    const demands = { acceptance: task.acceptance, discovered, remote, egress: task.egress, content };
    const merged = mergeSkill(draft, loaded?.skill ?? null, demands);
    await store.sessions.setContract(sessionId, { ...merged, writtenBy, size });
  }

  /** Checks the contract against everything that is known now, and records how each item stands. */
  async check(supplied: Supplied, signal: AbortSignal): Promise<PreflightCheck> {
    const { delivery, git, sandbox, sources, store } = this.#parts;
    const { sessionId, answers, inputs, waivers = [], edits = [] } = supplied;
    await sources.ensure(sessionId, signal);
    const session = await store.sessions.get(sessionId);
    const { task } = session;
    if (task.parent !== undefined) return { missing: [], awaited: { inputs: [], answers: [] } };
    const loaded = await this.#skill(session);
    const edited = await this.#edited(contractOf(session), edits);
    const findings = await probe(edited, {
      git: git.open(sessionId),
      tree: baseOf(session).tree,
      sandbox,
      whitelist: whitelistFor(loaded?.skill.requiredTools ?? [], grantedByPersons(edited, 'tool')),
      grants: [
        ...task.egress,
        ...(task.skill?.kind === 'path' ? [] : (loaded?.skill.egress ?? [])),
        ...grantedByPersons(edited, 'host'),
      ],
      bundled: loaded?.bundled ?? [],
      probePush: () => delivery.probe(session, signal),
    });
    const given = { ...task.inputs, ...inputs };
    const contract = assess(edited, { findings, inputs: given, answers, onMissing: task.onMissing, waivers });
    await store.sessions.setContract(sessionId, contract);
    return {
      missing: missingInfo(contract),
      awaited: awaitedBy(contract),
      contract: digestOf(canonicalJson(contract)),
      ...(task.requireApproval && { brief: briefOf(contract) }),
    };
  }

  /**
   * Freezes what was agreed: after this nothing of it can change, and another attempt finds what is frozen.
   * @throws HoldfastError PREFLIGHT_INCOMPLETE when the contract on record is not met, CONTRACT_CHANGED when it is not the one that was
   * approved.
   */
  async freeze(agreed: Agreed, signal: AbortSignal): Promise<Frozen> {
    const { checkTimeoutMs, git, sandbox, snapshots, sources, store } = this.#parts;
    const session = await store.sessions.get(agreed.sessionId);
    if (session.frozen !== null) return session.frozen;
    await sources.ensure(agreed.sessionId, signal);
    const contract = contractOf(session);
    if (session.task.parent !== undefined) {
      return snapshots.freeze(await this.#forks.snapshot(session, agreed.at), contract);
    }
    const missing = missingInfo(contract);
    if (missing.length > 0)
      throw new HoldfastError('PREFLIGHT_INCOMPLETE', `The contract is not met: ${missing.join('; ')}`);
    const loaded = await this.#skill(session);
    const frozen = { session, base: baseOf(session), contract, loaded, agreed };
    return snapshots.freeze(await snapshotOf(frozen, { git: git.open(session.id), sandbox, checkTimeoutMs }), contract);
  }

  async #edited(contract: Contract, edits: readonly string[]): Promise<Contract> {
    const read = async (blob: string): Promise<ContractEdit> => {
      // It came by a signal that named the blob: whoever sent it may have named anything.
      const bytes = await this.#parts.store.blobs.get(blob).catch(() => Buffer.from('null'));
      const parsed = ContractEdit.safeParse(jsonOf(bytes.toString('utf8')));
      if (parsed.success) return parsed.data;
      throw new HoldfastError('INVALID_REQUEST', `The blob ${blob} is no edit of a contract.`);
    };
    return (await Promise.all(edits.map(read))).reduce(applyEdit, contract);
  }

  /** The skill, read once: whatever happens to the server's folder meanwhile, the freeze takes what the contract was made from. */
  async #skill({ id, task, base }: SessionRecord): Promise<LoadedSkill | null> {
    const { git, skillsDir, store } = this.#parts;
    const kept = (await store.artifacts.list(id)).find(({ name }) => name === SKILL_ARTIFACT);
    if (kept !== undefined) return JSON.parse((await store.blobs.get(kept.blob)).toString('utf8')) as LoadedSkill;
    const loaded = await loadSkill(task.skill, { git: git.open(id), tree: base?.tree ?? '', skillsDir });
    if (loaded !== null) {
      await store.artifacts.put(id, SKILL_ARTIFACT, 'application/json', JSON.stringify(loaded), Date.now());
    }
    return loaded;
  }

  /**
   * While the model writes, the freeze's work is begun: what the skill demands is hashed, then whatever else the contract may come to
   * name, for as long as the model takes.
   */
  async #hashAhead(git: SessionGit, tree: string, loaded: LoadedSkill | null, until: AbortSignal): Promise<void> {
    const demanded = { globs: loaded?.skill.requiredFiles ?? [], paths: loaded?.skill.requiredScripts ?? [] };
    try {
      await git.hashFiles(await git.findFiles(tree, demanded));
      await git.hashAhead(await git.findFiles(tree, { globs: ['**'] }), until);
    } catch {
      // The freeze will say what is wrong.
    }
  }

  /** What the model is shown of the scripts; a script that is too large to show is named all the same. */
  async #scripts(
    sessionId: string,
    tree: string,
    { bundled, skill }: LoadedSkill,
  ): Promise<{ path: string; text: string }[]> {
    const shown = async (path: string) => {
      const own = bundled.find((file) => file.path === path)?.text;
      const text = own ?? (await this.#text(sessionId, tree, path));
      return { path, text: text ?? `[not there, or larger than ${MAX_SCRIPT_BYTES} bytes]` };
    };
    return Promise.all(skill.requiredScripts.map(shown));
  }

  /** A file of a tree as text; null when there is none, or it is too large to be shown to anybody. */
  async #text(sessionId: string, tree: string, path: string): Promise<string | null> {
    return (await this.#parts.git.open(sessionId).readFile(tree, path, MAX_SCRIPT_BYTES))?.toString('utf8') ?? null;
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
