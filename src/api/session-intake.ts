import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { HoldfastError } from '../domain/failure.ts';
import { GitCredentials } from '../domain/git-credentials.ts';
import type { ModelSpec } from '../domain/model-spec.ts';
import type { Limits } from '../domain/session.ts';
import { isConfidential, type SecretName, type SkillSource, type Source, type Task } from '../domain/task.ts';
import { z } from '@hono/zod-openapi';
import { Redactor } from '../redaction/redactor.ts';
import { parseSkill } from '../skill/parse-skill.ts';
import { deliveryFaults, deliveryOf, sourceFor } from './delivery-intake.ts';
import { invalid, type Fault } from './errors.ts';
import { modelFaults, modelSpecOf, priceFaults } from './model-intake.ts';
import { CreateSession } from './schemas.ts';
import { credentialFaults, sourceSecrets } from './source-credentials.ts';
import { sourceOf } from './source-intake.ts';

/** What the server fills in. */
export interface TaskDefaults {
  readonly model: ModelSpec;
  readonly limits: Limits;
  readonly preflightTimeoutMs: number;
}

/** What the intake checks with. All of it is local and cheap, except `probeSource`, which asks the repository. */
export interface IntakeChecks {
  /** @throws HoldfastError INVALID_REPOSITORY_URL, PATH_NOT_ALLOWED */
  readonly checkSource: (source: Source) => Source;
  /** @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, REF_NOT_FOUND */
  readonly probeSource: (source: Source, credentials: GitCredentials | undefined) => Promise<void>;
  /** @throws HoldfastError INVALID_WEBHOOK_URL */
  readonly checkWebhookUrl: (url: string) => void;
  /** False for a model at an address that the server may not connect to. */
  readonly mayBeAt: (model: ModelSpec) => boolean;
  /** True when it is known what the model costs. */
  readonly isPriced: (model: ModelSpec) => boolean;
}

/** A request that can be recorded: the task without secrets, and the secrets apart. */
export interface Intake {
  readonly id: string;
  readonly task: Task;
  readonly secrets: readonly (readonly [SecretName, string])[];
}

/**
 * Makes a task of a request. All faults that can be seen without asking anybody are gathered; only then is the repository asked.
 * @throws HoldfastError INVALID_REQUEST with every fault; when there is only one of a kind with a code of its own, that code.
 */
export async function takeIn(body: CreateSession, defaults: TaskDefaults, checks: IntakeChecks): Promise<Intake> {
  const id = newSessionId();
  const { causes, faults, source } = lookAt(body, defaults, checks);
  if (faults.length > 0)
    throw causes.length === 1 && faults.length === nestedCount(causes) ? causes[0] : invalid(faults);
  if (source === undefined) throw new HoldfastError('INTERNAL', 'The source was neither taken nor refused.');
  const wanted = sourceFor(source, body);
  await checks.probeSource(wanted, body.source?.credentials);
  const secrets = secretsOf(body);
  return { id, task: withoutSecrets(taskOf(id, body, wanted, skillOf(body), defaults), secrets), secrets };
}

/** An id that no session ever had. */
export function newSessionId(): string {
  return `ses_${randomUUID().replaceAll('-', '')}`;
}

/** What of a request can be wrong beyond its shape. */
type Checkable = Pick<
  CreateSession,
  | 'source'
  | 'workingDir'
  | 'webhook'
  | 'skillText'
  | 'skill'
  | 'model'
  | 'delivery'
  | 'branch'
  | 'branchStrategy'
  | 'signingKey'
  | 'forge'
  | 'forgeToken'
  | 'pullRequest'
  | 'limits'
  | 'strict'
  | 'testStrategy'
>;

/** The parts of a {@link Checkable} each by itself: one that has not its shape is left out, unknown fields are passed over. */
const { shape } = CreateSession;
const Parts = z.object({
  source: z
    .object({
      repoUrl: z.string().min(1),
      ref: z.string().optional(),
      submodules: z.boolean().catch(false),
      lfs: z.boolean().catch(false),
      credentials: GitCredentials.optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  workingDir: shape.workingDir.catch(undefined),
  webhook: z
    .object({ url: z.string().min(1) })
    .optional()
    .catch(undefined),
  skillText: shape.skillText.catch(undefined),
  skill: shape.skill.catch(undefined),
  model: shape.model.catch(undefined),
  delivery: shape.delivery.catch(undefined),
  branch: shape.branch.catch(undefined),
  branchStrategy: shape.branchStrategy.catch('new'),
  signingKey: shape.signingKey.catch(undefined),
  forge: shape.forge.catch(undefined),
  forgeToken: shape.forgeToken.catch(undefined),
  pullRequest: shape.pullRequest.catch(undefined),
  strict: shape.strict.catch(false),
  testStrategy: shape.testStrategy.catch('full'),
  limits: shape.limits.catch(undefined),
});

/** The faults in meaning of a body that has faults of shape as well, so that its sender learns of all of them at once. */
export function faultsOfParts(body: unknown, defaults: TaskDefaults, checks: IntakeChecks): Fault[] {
  const parts = Parts.safeParse(body);
  if (!parts.success) return [];
  const { faults } = lookAt(parts.data, defaults, checks);
  const given = Object(body) as Record<string, unknown>;
  const sourceLeftOut = (['source', 'workingDir'] as const).some(
    (name) => given[name] !== undefined && parts.data[name] === undefined,
  );
  // What cannot be judged without the part that was left out is not judged.
  return faults.filter(({ path }) => !sourceLeftOut || !/^(source|workingDir|delivery)/.test(path));
}

interface Looked {
  readonly source: Source | undefined;
  readonly faults: readonly Fault[];
  /** The errors behind the faults, where there are some. */
  readonly causes: readonly HoldfastError[];
}

function lookAt(body: Checkable, defaults: TaskDefaults, checks: IntakeChecks): Looked {
  const faults: Fault[] = [];
  const causes: HoldfastError[] = [];
  const check = <T>(path: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      causes.push(error);
      const nested = error.details?.['faults'] as readonly Fault[] | undefined;
      faults.push(
        ...(nested?.map((fault) => ({ ...fault, path: [path, fault.path].filter(Boolean).join('.') })) ?? [
          { path, message: error.message },
        ]),
      );
      return undefined;
    }
  };
  const source = check(body.workingDir === undefined ? 'source.repoUrl' : 'workingDir', () =>
    checks.checkSource(sourceOf(body)),
  );
  if (source !== undefined) faults.push(...credentialFaults(source, body.source?.credentials));
  const { webhook } = body;
  if (webhook !== undefined) check('webhook.url', () => checks.checkWebhookUrl(webhook.url));
  const skill = skillOf(body);
  if (body.skillText !== undefined && body.skill !== undefined)
    faults.push({ path: 'skill', message: 'give either skillText or skill' });
  if (skill?.kind === 'inline') check('skillText', () => parseSkill(skill.text));
  faults.push(...modelFaults(body, defaults, checks), ...priceFaults(body, defaults, checks));
  faults.push(...deliveryFaults(body), ...strictFaults(body));
  return { source, faults, causes };
}

/** SHA-256 of a body, for telling a repeated request from another one under the same key. */
export function bodySha256(body: unknown): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex');
}

function nestedCount([cause]: readonly HoldfastError[]): number {
  return (cause?.details?.['faults'] as readonly Fault[] | undefined)?.length ?? 1;
}

function skillOf({ skillText, skill }: Checkable): SkillSource | null {
  if (skillText !== undefined) return { kind: 'inline', text: skillText };
  if (skill === undefined) return null;
  return 'path' in skill ? { kind: 'path', path: skill.path } : { kind: 'name', name: skill.name };
}

function strictFaults({ strict, testStrategy }: Checkable): Fault[] {
  if (!strict || testStrategy === 'full') return [];
  return [{ path: 'strict', message: `wants every check run: not with testStrategy ${testStrategy}` }];
}

function taskOf(
  id: string,
  body: CreateSession,
  source: Source,
  skill: SkillSource | null,
  defaults: TaskDefaults,
): Task {
  const limits = Object.fromEntries(
    Object.entries({ ...defaults.limits, ...body.limits }).filter(([, value]) => value !== undefined),
  );
  return {
    taskId: body.taskId ?? id,
    userPrompt: body.userPrompt,
    skill,
    source,
    inputs: body.inputs ?? {},
    auto: body.auto,
    onMissing: body.onMissing,
    requireApproval: body.requireApproval,
    ...deliveryOf(id, body, source, new Date()),
    model: modelSpecOf(body, defaults),
    limits: limits as Task['limits'],
    testStrategy: body.testStrategy,
    acceptance: body.acceptance,
    keepIgnored: body.keepIgnored,
    setup: body.setup,
    strict: body.strict,
    onRedEnd: body.onRedEnd,
    egress: body.egress,
    webhook: body.webhook === undefined ? null : { url: body.webhook.url, events: body.webhook.events ?? null },
    labels: body.labels,
    preflightTimeoutMs: body.preflightTimeoutMs ?? defaults.preflightTimeoutMs,
  };
}

/** A credential that stands in the words of the task as well would be shown wherever they are. */
function withoutSecrets(task: Task, secrets: Intake['secrets']): Task {
  const redactor = new Redactor({ shapes: false });
  for (const [name, value] of secrets) if (isConfidential(name)) redactor.add(name, value);
  const { userPrompt, skill, inputs, acceptance } = task;
  return { ...task, ...redactor.json({ userPrompt, skill, inputs, acceptance }) };
}

/** True when the secret of the webhook is to be made up; its caller has to be told. */
export function needsWebhookSecret({ webhook }: CreateSession): boolean {
  return webhook !== undefined && webhook.secret === undefined;
}

function secretsOf(body: CreateSession): [SecretName, string][] {
  const named: [SecretName, string | undefined][] = [
    ...sourceSecrets(body.source?.credentials),
    ['git.signingKey', body.signingKey],
    ['forge.token', body.forgeToken],
    ['model.apiKey', body.model?.apiKey],
    ['webhook.secret', needsWebhookSecret(body) ? `whsec_${randomBytes(32).toString('base64')}` : body.webhook?.secret],
  ];
  return named.filter((pair): pair is [SecretName, string] => pair[1] !== undefined);
}
