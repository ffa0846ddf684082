import * as z from 'zod';

/**
 * The wire formats Holdfast speaks, and the demo. `openai` is Chat Completions (the format of most compatible servers),
 * `openai-responses` the Responses API; `scripted-demo` is in process and has no model at all.
 */
export const modelProviders = ['anthropic', 'openai', 'openai-responses', 'scripted-demo'] as const;
export type ModelProvider = (typeof modelProviders)[number];

/** How long the model may think before it answers; clamped to what the model can do. */
export const thinkingLevels = ['off', 'minimal', 'low', 'medium', 'high'] as const;
export type ThinkingLevelName = (typeof thinkingLevels)[number];

const price = z.number().min(0);

/**
 * Which model a session uses: part of the task and of the snapshot, and free of secrets (the key travels apart).
 * What is left out is taken from pi-ai's catalogue when it knows the model, else from careful defaults.
 */
export const ModelSpec = z.strictObject({
  provider: z.enum(modelProviders),
  /** Sent verbatim as the request's `model`. */
  id: z.string().min(1).max(200),
  /**
   * With or without `/v1` and a trailing slash; default: the vendor's own. User info, query and fragment are refused.
   */
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .refine((text) => isPlainUrl(text), 'must not carry user info, a query or a fragment')
    .optional(),
  thinkingLevel: z.enum(thinkingLevels),
  /** Tokens. */
  contextWindow: z.int().min(1_024).optional(),
  /** Most tokens of one reply. */
  maxTokens: z.int().min(16).optional(),
  /** USD per million tokens. */
  cost: z.strictObject({ input: price, output: price, cacheRead: price, cacheWrite: price }).optional(),
});
export type ModelSpec = z.infer<typeof ModelSpec>;

function isPlainUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}
