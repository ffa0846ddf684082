import { resolve } from 'node:path';
import * as z from 'zod';
import { HoldfastError } from './domain/failure.ts';
import { ModelSpec } from './domain/model-spec.ts';
import type { Limits } from './domain/session.ts';
import type { OutboundPolicy } from './domain/network-address.ts';
import type { StuckLimits } from './domain/stuck.ts';
import { placesOf, type Places } from './places.ts';
import { secretFrom, secretThatMustBeThere, type Secret } from './secret.ts';
import { toolchainsBeside } from './toolchains.ts';

/** Everything that can be set from outside, checked. Paths are absolute, times in milliseconds. */
export interface Config extends Places {
  readonly host: string;
  readonly port: number;
  readonly allowedRoots: readonly string[];
  readonly model: ModelSpec;
  readonly modelKey: Secret;
  readonly apiKeys: Secret;
  /** The master keys as text, the one that seals first; undefined when the server keeps its own. */
  readonly masterKeys: (() => string) | undefined;
  readonly limits: Limits;
  readonly turnsPerChunk: number;
  readonly chunkMs: number;
  readonly streamIdleMs: number;
  /** When an agent is taken to be stuck. */
  readonly stuck: StuckLimits;
  /** A chunk without any progress is given up after this, counted from the end of the longest silence that can be legitimate. */
  readonly stallMs: number;
  /** A process whose event loop does not answer for so long is killed and started again. */
  readonly hangMs: number;
  /** How long a worker that is told to stop lets its chunks come to the border of a turn. */
  readonly shutdownGraceMs: number;
  /** After this a process that was told to stop is killed. */
  readonly drainMs: number;
  readonly preflightTimeoutMs: number;
  /** How an outage of the model's provider is waited out before the session pauses. */
  readonly patience: { readonly tries: number; readonly backoffMs: number };
  readonly sandbox: {
    readonly mode: 'bwrap' | 'off';
    readonly uid: number | undefined;
    readonly gid: number | undefined;
    /** Directories that every command may read, and whose programs come first. */
    readonly toolchains: readonly string[];
  };
  /** Networks that are not public and that commands may reach all the same, where a task names the host. */
  readonly egress: { readonly privateNetworks: readonly string[] };
  /** Where the server itself may go for repositories. */
  readonly outbound: OutboundPolicy;
  readonly checkTimeoutMs: number;
  /** A mirror that no session has used for so long is removed. */
  readonly mirrorKeepMs: number;
  /** A session that ended so long ago is removed with all it left; null for never. */
  readonly sessionKeepMs: number | null;
  /** True when the work branch of a failed session is removed from its remote together with the session. */
  readonly reapsBranches: boolean;
  /** How often what nobody needs is removed. */
  readonly reapIntervalMs: number;
  readonly webhook: {
    readonly allowPrivate: boolean;
    readonly networks: readonly string[];
    readonly retries: number;
    readonly backoffMs: number;
    readonly timeoutMs: number;
  };
  /** Where forges may lie, and what they may tell. */
  readonly forge: OutboundPolicy & {
    /** What forges sign their webhooks with, separated by commas; without any, none are taken. */
    readonly webhookSecrets: Secret;
    /** How a comment asks for a change, at its beginning. */
    readonly command: string;
  };
  readonly temporal: {
    /** Of the embedded server. */
    readonly port: number;
    readonly uiPort: number;
    readonly taskQueue: string;
    /** True when what Temporal keeps is encrypted. */
    readonly isSealed: boolean;
    /** Where the Web UI is, whose pages may have it decrypted. */
    readonly uiOrigins: readonly string[];
  };
  readonly maxHistoryEvents: number;
  readonly logLevel: string;
}

/** For what comes after the grace: chunks are broken off, connections closed. */
const AFTER_GRACE_MS = 10_000;
const DAY_MS = 24 * 3_600_000;

const integer = (fallback: number, min: number, max = Number.MAX_SAFE_INTEGER) =>
  z.coerce.number().int().min(min).max(max).default(fallback);
const flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');

/** Several values, separated by commas. */
const listOf = <T extends z.ZodType<string, string>>(item: T) =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean),
    )
    .pipe(z.array(item));
const network = z.union([z.cidrv4(), z.cidrv6()], { error: 'must be networks as address/prefix, separated by commas' });

/** The environment, variable by variable, but for {@link Places} and secrets; the table in the README is made of these. */
const Environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(8420, 0, 65_535),
  ALLOWED_ROOTS: z.string().default(''),
  LLM_PROVIDER: z.enum(['anthropic', 'openai', 'openai-responses', 'scripted-demo']).default('anthropic'),
  LLM_MODEL: z.string().min(1).optional(),
  LLM_BASE_URL: z.url({ protocol: /^https?$/ }).optional(),
  LLM_THINKING: z.enum(['off', 'minimal', 'low', 'medium', 'high']).default('off'),
  MAX_STEPS: integer(200, 1),
  MAX_ITERATIONS: integer(3, 0, 20),
  MAX_TOKENS: z.coerce.number().int().min(1).optional(),
  MAX_COST_USD: z.coerce.number().positive().optional(),
  MAX_WALL_MS: z.coerce.number().int().min(1000).optional(),
  TURNS_PER_CHUNK: integer(20, 1, 1000),
  CHUNK_MS: integer(5 * 60_000, 1000),
  STREAM_IDLE_MS: integer(120_000, 500),
  STUCK_REPEATS: integer(5, 0, 100),
  STUCK_IDLE_TURNS: integer(50, 0, 10_000),
  STALL_MS: integer(5 * 60_000, 1000),
  HANG_MS: integer(30_000, 1000),
  SHUTDOWN_GRACE_MS: integer(10_000, 0),
  MODEL_TRIES: integer(8, 1, 50),
  MODEL_BACKOFF_MS: integer(2000, 10),
  PREFLIGHT_TIMEOUT_MS: integer(7 * 24 * 3_600_000, 1000),
  CHECK_TIMEOUT_MS: integer(30 * 60_000, 1000),
  MIRROR_KEEP_DAYS: integer(14, 0, 10_000),
  SANDBOX: z.enum(['bwrap', 'off']).default('bwrap'),
  SANDBOX_UID: integer(1001, 1).optional(),
  SANDBOX_GID: integer(1001, 1).optional(),
  EGRESS_PRIVATE_NETWORKS: listOf(network),
  OUTBOUND_PRIVATE_NETWORKS: listOf(network),
  SESSION_KEEP_MS: z.coerce.number().int().min(60_000).optional(),
  REAP_BRANCHES: flag.default(false),
  REAP_INTERVAL_MS: integer(3_600_000, 1000, 2 ** 31 - 1),
  WEBHOOK_ALLOW_PRIVATE: flag.optional(),
  FORGE_ALLOW_PRIVATE: flag.optional(),
  FORGE_COMMAND: z
    .string()
    .regex(/^[/@!][\w-]{2,40}$/, 'must be a word after one of / @ !')
    .default('/holdfast'),
  WEBHOOK_RETRIES: integer(5, 0, 20),
  WEBHOOK_BACKOFF_MS: integer(5000, 10),
  WEBHOOK_TIMEOUT_MS: integer(15_000, 100),
  TEMPORAL_PORT: integer(7233, 0, 65_535),
  TEMPORAL_UI_PORT: integer(8233, 0, 65_535),
  TEMPORAL_TASK_QUEUE: z.string().min(1).default('holdfast'),
  TEMPORAL_ENCRYPTION: flag.default(false),
  TEMPORAL_UI_ORIGINS: listOf(z.url({ protocol: /^https?$/, error: 'must be origins, separated by commas' })),
  MAX_HISTORY_EVENTS: integer(4000, 50, 40_000),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  DEMO: flag.default(false),
});
const environmentBeside = (places: Places) => Environment.extend({ SANDBOX_TOOLCHAINS: toolchainsBeside(places) });
type Variables = z.infer<ReturnType<typeof environmentBeside>>;

const defaultModels = {
  anthropic: 'claude-sonnet-4-5',
  openai: 'gpt-5',
  'openai-responses': 'gpt-5',
  'scripted-demo': 'fix-failing-test',
} as const;

/**
 * The configuration from an environment.
 * @throws HoldfastError INVALID_REQUEST naming every faulty variable at once.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const places = placesOf(given);
  const parsed = environmentBeside(places).safeParse(given);
  const faults = parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  if (parsed.success && parsed.data.LLM_PROVIDER === 'scripted-demo' && !parsed.data.DEMO) {
    faults.push('LLM_PROVIDER: scripted-demo is not an AI and runs only with DEMO=1');
  }
  for (const name of secretNames) {
    if (env[name] && env[`${name}_FILE`]) faults.push(`${name}: set either ${name} or ${name}_FILE`);
  }
  if (!parsed.success || faults.length > 0) {
    throw new HoldfastError('INVALID_REQUEST', `The configuration is wrong:\n  ${faults.join('\n  ')}`, {
      remedy: 'Correct these environment variables; the README lists them.',
      details: { faults },
    });
  }
  return { ...places, ...toConfig(parsed.data, env) };
}

const secretNames = ['LLM_API_KEY', 'API_KEYS', 'MASTER_KEY', 'FORGE_WEBHOOK_SECRET'] as const;

function toConfig(vars: Variables, env: Readonly<Record<string, string | undefined>>): Omit<Config, keyof Places> {
  const secret = (name: (typeof secretNames)[number]) => secretFrom(env, name);
  const apiKeys = secret('API_KEYS');
  // One person on one machine may well have servers there; one that others can reach must not be made to call them.
  const isAlone = apiKeys.reveal() === undefined;
  return {
    host: vars.HOST,
    port: vars.PORT,
    allowedRoots: vars.ALLOWED_ROOTS.split(':')
      .filter(Boolean)
      .map((root) => resolve(root)),
    model: ModelSpec.parse({
      provider: vars.LLM_PROVIDER,
      id: vars.LLM_MODEL ?? defaultModels[vars.LLM_PROVIDER],
      ...(vars.LLM_BASE_URL !== undefined && { baseUrl: vars.LLM_BASE_URL }),
      thinkingLevel: vars.LLM_THINKING,
    }),
    modelKey: secret('LLM_API_KEY'),
    apiKeys,
    masterKeys: secretThatMustBeThere(env, 'MASTER_KEY'),
    limits: {
      maxSteps: vars.MAX_STEPS,
      maxIterations: vars.MAX_ITERATIONS,
      maxTokens: vars.MAX_TOKENS,
      maxCostUsd: vars.MAX_COST_USD,
      maxWallMs: vars.MAX_WALL_MS,
    },
    turnsPerChunk: vars.TURNS_PER_CHUNK,
    chunkMs: vars.CHUNK_MS,
    streamIdleMs: vars.STREAM_IDLE_MS,
    stuck: { repeats: vars.STUCK_REPEATS, idleTurns: vars.STUCK_IDLE_TURNS },
    stallMs: vars.STALL_MS,
    hangMs: vars.HANG_MS,
    shutdownGraceMs: vars.SHUTDOWN_GRACE_MS,
    drainMs: vars.SHUTDOWN_GRACE_MS + AFTER_GRACE_MS,
    preflightTimeoutMs: vars.PREFLIGHT_TIMEOUT_MS,
    patience: { tries: vars.MODEL_TRIES, backoffMs: vars.MODEL_BACKOFF_MS },
    checkTimeoutMs: vars.CHECK_TIMEOUT_MS,
    mirrorKeepMs: vars.MIRROR_KEEP_DAYS * DAY_MS,
    sandbox: {
      mode: vars.SANDBOX,
      uid: vars.SANDBOX_UID,
      gid: vars.SANDBOX_GID,
      toolchains: vars.SANDBOX_TOOLCHAINS,
    },
    ...outwardOf(vars, { isAlone, webhookSecrets: secret('FORGE_WEBHOOK_SECRET') }),
    sessionKeepMs: vars.SESSION_KEEP_MS ?? null,
    reapsBranches: vars.REAP_BRANCHES,
    reapIntervalMs: vars.REAP_INTERVAL_MS,
    temporal: {
      port: vars.TEMPORAL_PORT,
      uiPort: vars.TEMPORAL_UI_PORT,
      taskQueue: vars.TEMPORAL_TASK_QUEUE,
      isSealed: vars.TEMPORAL_ENCRYPTION,
      uiOrigins:
        vars.TEMPORAL_UI_ORIGINS.length > 0
          ? vars.TEMPORAL_UI_ORIGINS.map((url) => new URL(url).origin)
          : ['127.0.0.1', 'localhost'].map((host) => `http://${host}:${vars.TEMPORAL_UI_PORT}`),
    },
    maxHistoryEvents: vars.MAX_HISTORY_EVENTS,
    logLevel: vars.LOG_LEVEL,
  };
}

/** Where commands and the server itself may go. */
function outwardOf(
  vars: Variables,
  { isAlone, webhookSecrets }: { readonly isAlone: boolean; readonly webhookSecrets: Secret },
): Pick<Config, 'egress' | 'outbound' | 'webhook' | 'forge'> {
  return {
    egress: { privateNetworks: vars.EGRESS_PRIVATE_NETWORKS },
    outbound: { allowPrivate: isAlone, networks: vars.OUTBOUND_PRIVATE_NETWORKS },
    webhook: {
      allowPrivate: vars.WEBHOOK_ALLOW_PRIVATE ?? isAlone,
      networks: vars.OUTBOUND_PRIVATE_NETWORKS,
      retries: vars.WEBHOOK_RETRIES,
      backoffMs: vars.WEBHOOK_BACKOFF_MS,
      timeoutMs: vars.WEBHOOK_TIMEOUT_MS,
    },
    forge: {
      allowPrivate: vars.FORGE_ALLOW_PRIVATE ?? isAlone,
      networks: vars.OUTBOUND_PRIVATE_NETWORKS,
      webhookSecrets,
      command: vars.FORGE_COMMAND,
    },
  };
}
