import { z } from '@hono/zod-openapi';
import { Contract, Question } from '../domain/contract.ts';
import { Egress } from '../domain/egress.ts';
import { failureCodes } from '../domain/failure.ts';
import { ModelSpec, thinkingLevels, modelProviders } from '../domain/model-spec.ts';
import { pauseReasons } from '../domain/pause.ts';
import { pathFault } from '../domain/relative-path.ts';
import { phases, stages } from '../domain/session.ts';
import { redEnds, TaskLimits, testStrategies } from '../domain/task.ts';
import { waiving } from './contract-schemas.ts';
import { Credentials, later, SourceBody } from './source-schemas.ts';
import { BranchName, DeliveredResult, delivering } from './delivery-schemas.ts';

const short = z.string().trim().min(1).max(255);
export const text = z.string().trim().min(1).max(200_000);
const requestId = z
  .string()
  .min(1)
  .max(200)
  .optional()
  .openapi({ description: 'A repeated one changes nothing and answers the present view.' });
const glob = short.superRefine((path, context) => {
  const fault = pathFault(path);
  if (fault !== null) context.addIssue({ code: 'custom', message: fault });
});
const values = z.record(z.string(), z.string().max(16_384));

export const Limits = TaskLimits.partial();

/** Body of `POST /api/sessions`. */
export const CreateSession = z
  .strictObject({
    taskId: short.optional().openapi({ description: "The caller's own id, echoed as task_id." }),
    userPrompt: text.openapi({ example: 'Make the failing test pass.' }),
    skillText: z
      .string()
      .max(256 * 1024)
      .optional(),
    skill: z.union([z.strictObject({ path: short }), z.strictObject({ name: short })]).optional(),
    source: SourceBody.optional(),
    workingDir: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .openapi({ description: 'A local directory, instead of a repository.' }),
    inputs: values.optional(),
    auto: z.boolean().default(false),
    onMissing: z.enum(['ask', 'assume', 'fail']).default('ask'),
    requireApproval: z.boolean().default(false).openapi({
      description: 'Freezes the contract only after POST …/approve; until then it can be read and changed.',
    }),
    ...delivering,
    model: z
      .strictObject({
        provider: z.enum(modelProviders),
        id: short,
        baseUrl: z.url({ protocol: /^https?$/ }),
        thinkingLevel: z.enum(thinkingLevels),
        contextWindow: ModelSpec.shape.contextWindow,
        maxTokens: ModelSpec.shape.maxTokens,
        cost: ModelSpec.shape.cost,
        apiKey: z.string().min(1).max(10_000),
      })
      .partial()
      .optional(),
    limits: Limits.optional(),
    keepIgnored: z
      .array(glob)
      .max(20)
      .default([])
      .openapi({ description: 'Globs of files that git ignores and every checkpoint is to keep all the same.' }),
    setup: z.array(z.string().trim().min(1).max(2000)).max(10).default([]).openapi({
      description:
        'Commands that make a fresh work tree ready (npm ci), run before the agent starts and before checks.',
    }),
    testStrategy: z.enum(testStrategies).default('full').openapi({
      description:
        'full: every acceptance command on base and result. incremental: what the change reaches. skip: none.',
    }),
    acceptance: z.array(z.string().trim().min(1).max(2000)).max(20).default([]).openapi({
      description: 'Commands that must be green on the result. Without any, those of the repository are proposed.',
    }),
    strict: z.boolean().default(false).openapi({
      description:
        'Every acceptance command must be run and green; else only regressions and demanded commands in red forbid the delivery.',
    }),
    onRedEnd: z.enum(redEnds).default('keep').openapi({
      description:
        'What is kept when the last round is red: the newest work, or that of the round with the fewest commands not green.',
    }),
    egress: Egress,
    webhook: z
      .strictObject({
        url: z.string().min(1).max(2000),
        secret: z.string().min(16).max(500).optional(),
        events: z.array(z.enum([...stages, ...phases])).optional(),
        intervalMs: later,
        cron: later,
      })
      .optional(),
    labels: z.array(short).max(50).default([]),
    preflightTimeoutMs: z
      .int()
      .min(1000)
      .max(90 * 24 * 3_600_000)
      .optional(),
  })
  .openapi('CreateSession');
export type CreateSession = z.infer<typeof CreateSession>;

export const PreflightBody = z
  .strictObject({ inputs: values, answers: values, ...waiving, requestId })
  .partial()
  .openapi('Preflight');
export const ExecuteBody = z.strictObject({ requestId }).partial().openapi('Execute');
export const ReasonBody = z
  .strictObject({ requestId, reason: z.string().max(1000) })
  .partial()
  .openapi('Reason');
export const ResumeBody = z
  .strictObject({
    requestId,
    limits: Limits,
    credentials: Credentials,
    branch: BranchName.openapi({
      description: 'Where the result goes instead of a branch that was taken or is protected.',
    }),
  })
  .partial()
  .openapi('Resume');

/** Numbers of a query string. */
export const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be between ${min} and ${max}`)
    .openapi({ type: 'integer', minimum: min, maximum: max });

export const PreflightQuery = z.strictObject({ waitMs: number(0, 120_000).optional() });
export const EventsQuery = z.strictObject({
  afterSeq: number(0, Number.MAX_SAFE_INTEGER).optional(),
  limit: number(1, 1000).optional(),
});
export const ListQuery = z.strictObject({
  state: z.enum(phases).optional(),
  stage: z.enum(stages).optional(),
  label: short.optional(),
  repo: short.optional(),
  createdAfter: number(0, Number.MAX_SAFE_INTEGER).optional(),
  limit: number(1, 100).optional(),
  cursor: z.string().max(500).optional(),
});
export const IdempotencyHeader = z.object({ 'idempotency-key': z.string().min(1).max(200).optional() });
export const SessionPath = z.object({ id: z.string().openapi({ example: 'ses_0f8fad5bd9cb469fa16570867728950e' }) });
export const TranscriptQuery = z.object({
  task: z.string().optional().openapi({
    description: "The id of a sub-agent, for its transcript instead of the agent's",
    example: 'tsk_0f8fad5bd9cb469fa1656708',
  }),
});
export const ArtifactPath = SessionPath.extend({ name: z.string() });

/** The envelope of every failure. */
export const ErrorAnswer = z
  .object({
    success: z.literal(false),
    error: z.object({
      code: z.enum(Object.keys(failureCodes) as [keyof typeof failureCodes]),
      message: z.string(),
      class: z.enum(['network', 'auth', 'input', 'code', 'model', 'system']),
      retryable: z.boolean(),
      remedy: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
      requestId: z.string(),
    }),
  })
  .openapi('Error');

/** The envelope of a success. */
export function answer<T extends z.ZodType>(data: T) {
  return z.object({ success: z.literal(true), data });
}

export const Created = z
  .object({ sessionId: z.string(), state: z.enum(phases), createdAt: z.int(), webhookSecret: z.string().optional() })
  .openapi('Created');

export const PreflightAnswer = z
  .object({
    canProceed: z.boolean(),
    contract: Contract.nullable(),
    contractDigest: z.string().nullable().openapi({ description: 'What an approval names.' }),
    missingInfo: z.array(z.string()),
    questions: z.array(Question),
    message: z.string(),
  })
  .openapi('PreflightAnswer');

export const Executed = z
  .object({
    message: z.string(),
    sessionId: z.string(),
    snapshot: z.object({
      digest: z.string(),
      createdAt: z.int(),
      filesFrozen: z.int(),
      toolsWhitelisted: z.array(z.string()),
    }),
  })
  .openapi('Executed');

const Reason = z.object({ code: z.string(), message: z.string(), remedy: z.string() }).loose();

const Used = z.object({
  turns: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
  cacheReadTokens: z.int(),
  cacheWriteTokens: z.int(),
  costUsd: z.number(),
  wallMs: z.int(),
});

export const SessionAnswer = z
  .object({
    sessionId: z.string(),
    taskId: z.string(),
    state: z.enum(phases),
    stage: z.enum(stages),
    progress: z.object({ current: z.int(), total: z.int(), percent: z.int() }),
    plan: z.array(z.object({ title: z.string(), status: z.enum(['pending', 'in_progress', 'done']) })),
    createdAt: z.int(),
    updatedAt: z.int(),
    source: z.object({ kind: z.string() }).loose(),
    model: z.object({ provider: z.string(), id: z.string() }).loose(),
    usage: Used.extend({
      contract: Used.optional().openapi({
        description:
          'Of the calls that wrote the contract, on top of the rest; no limit counts it. Absent where unknown.',
      }),
    }),
    labels: z.array(z.string()),
    parent: z.object({ sessionId: z.string(), turn: z.int() }).optional(),
    snapshot: z.object({ digest: z.string() }).loose().optional(),
    pause: Reason.extend({ reason: z.enum(pauseReasons) }).optional(),
    failure: Reason.optional(),
    result: DeliveredResult.optional(),
  })
  .openapi('Session');

export const SessionList = z
  .object({ items: z.array(SessionAnswer), nextCursor: z.string().nullable() })
  .openapi('SessionList');
export const EventList = z
  .object({
    items: z.array(
      z.object({
        id: z.string(),
        sessionId: z.string(),
        seq: z.int(),
        type: z.string(),
        state: z.enum(phases),
        stage: z.enum(stages),
        at: z.int(),
        data: z.record(z.string(), z.unknown()),
      }),
    ),
  })
  .openapi('EventList');
export const ContractAnswer = Contract.openapi('Contract');
export const Anything = z.record(z.string(), z.unknown());
export const ArtifactList = z
  .object({
    items: z.array(
      z.object({ name: z.string(), blob: z.string(), mediaType: z.string(), size: z.int(), createdAt: z.int() }),
    ),
  })
  .openapi('ArtifactList');
