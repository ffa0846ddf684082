import { systemPromptFor } from '../agent/system-prompt.ts';
import { canonicalJson, digestOf } from '../digest/canonical-json.ts';
import { acceptanceOf, grantedByPersons, type Contract } from '../domain/contract.ts';
import { networkOf } from '../domain/egress.ts';
import { HoldfastError } from '../domain/failure.ts';
import { claimsOf, guardsOf } from '../domain/guards.ts';
import { withAddress } from '../domain/model-address.ts';
import type { Base } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { whitelistFor } from '../domain/tools.ts';
import type { Approval, Waiver } from '../domain/waiver.ts';
import type { SessionGit } from '../git/session-git.ts';
import { defaultLimits } from '../sandbox/limits.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SessionRecord } from '../store/sessions.ts';
import { holdfastVersion, piVersion } from '../version.ts';
import type { LoadedSkill } from './skill-loader.ts';
import { skillTextOf } from './skill-text.ts';

/** Everything that was agreed. */
export interface Agreement {
  readonly session: SessionRecord;
  readonly base: Base;
  readonly contract: Contract;
  readonly loaded: LoadedSkill | null;
  readonly agreed: {
    readonly inputs: Readonly<Record<string, string>>;
    readonly answers: Readonly<Record<string, string>>;
    readonly waivers?: readonly Waiver[];
    readonly approval?: Approval;
    /** Epoch milliseconds. */
    readonly at: number;
  };
}

/** What is frozen of the server. */
export interface FreezingPlace {
  readonly git: SessionGit;
  readonly sandbox: Pick<Sandbox, 'kind'>;
  /** Longest time of one acceptance command, in milliseconds. */
  readonly checkTimeoutMs: number;
}

/**
 * The snapshot of an agreement: a function of the agreement, the files of the base commit and the versions at work, so that freezing
 * it again gives the same digest.
 * @throws HoldfastError CONTRACT_CHANGED when another contract than this one was approved, PREFLIGHT_INCOMPLETE for missing inputs,
 * MISSING_INFORMATION when proof is wanted and no command is there to give it
 */
export async function snapshotOf(
  { session, base, contract, loaded, agreed }: Agreement,
  { git, sandbox, checkTimeoutMs }: FreezingPlace,
): Promise<Snapshot> {
  const { id, task } = session;
  const { answers, approval, at, waivers } = agreed;
  const inputs = { ...task.inputs, ...agreed.inputs };
  const digest = digestOf(canonicalJson(contract));
  if (approval !== undefined && approval.contract !== digest) {
    throw new HoldfastError('CONTRACT_CHANGED', `${approval.contract} was approved, but the contract is ${digest}.`);
  }
  const tools = whitelistFor(loaded?.skill.requiredTools ?? [], grantedByPersons(contract, 'tool'));
  const acceptance = acceptanceOf(contract);
  const network = networkOf(contract);
  const setup = [...(loaded?.skill.setup ?? []), ...task.setup];
  const claims = claimsOf(contract);
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
    skillText: skillTextOf(loaded, inputs),
    ...(loaded !== null && { skill: { name: loaded.skill.name, digest: loaded.digest } }),
    source: task.source,
    base,
    ...(contract.size?.submodules?.isFetched === true && { submodules: contract.size.submodules.named }),
    inputs,
    answers: contract.questions.flatMap(({ id: name, question }) => {
      const answer = answers[name];
      return answer === undefined ? [] : [{ id: name, question, answer }];
    }),
    assumptions: contract.assumptions,
    ...(waivers !== undefined && { waivers: [...waivers] }),
    contract: digest,
    ...(approval !== undefined && { approval }),
    goal: contract.goal,
    ...(await hashedFiles(contract, loaded, git, base.tree)),
    tools,
    keepIgnored: task.keepIgnored,
    ...(setup.length > 0 && { setup }),
    model: withAddress(task.model),
    ...(contract.writtenBy !== undefined && { servedModel: contract.writtenBy }),
    systemPrompt: digestOf(systemPromptFor({ tools, acceptance, sandbox: { network }, setup })),
    limits: task.limits,
    sandbox: { kind: sandbox.kind, network, limits: { ...defaultLimits } },
    testStrategy: task.testStrategy,
    acceptance,
    verification: {
      strict: task.strict,
      onRedEnd: task.onRedEnd,
      guards: guardsOf(contract),
      ...(claims.length > 0 && { claims }),
      timeoutMs: checkTimeoutMs,
    },
    delivery: task.delivery,
    branch: task.branch,
    ...(task.terms !== undefined && { terms: task.terms }),
    author: task.author,
    versions: { holdfast: holdfastVersion, pi: piVersion },
    createdAt: at,
  };
}

async function hashedFiles(
  contract: Contract,
  loaded: LoadedSkill | null,
  git: SessionGit,
  tree: string,
): Promise<Pick<Snapshot, 'files' | 'scripts'>> {
  const [files, scripts] = await Promise.all([
    git.findFiles(tree, { globs: contract.requiredFiles }),
    git.findFiles(tree, { paths: contract.requiredScripts }),
  ]);
  const bundled = (loaded?.bundled ?? []).map(({ path, text }) => ({ path, sha256: digestOf(text).slice(7) }));
  return {
    files: await git.hashFiles(files),
    scripts: [...(await git.hashFiles(scripts)), ...bundled],
  };
}
