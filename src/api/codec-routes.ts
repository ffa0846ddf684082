import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { cors } from 'hono/cors';
import type { CodecEndpoint } from '../temporal/codec-endpoint.ts';
import { refuseInvalid } from './errors.ts';
import { ErrorAnswer } from './schemas.ts';

/** Where they are; the rest of the path is Temporal's protocol. */
export const CODEC_PATH = '/v1/codec';

/** Decrypting Temporal's payloads for its Web UI. */
export interface CodecDeps {
  readonly endpoint: CodecEndpoint;
  /** The origins of the Web UI: pages of no others may call. */
  readonly uiOrigins: readonly string[];
}

const Base64 = z.base64();
const Payloads = z.object({
  payloads: z
    .array(z.object({ metadata: z.record(z.string(), Base64).optional(), data: Base64.optional() }))
    .max(10_000),
});

/** `POST /v1/codec/encode` and `/decode`, as Temporal's Web UI and its command (`--codec-endpoint`) call them. */
export function codecRoutes({ endpoint }: CodecDeps): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  for (const way of ['encode', 'decode'] as const) {
    const route = createRoute({
      method: 'post',
      path: `/${way}`,
      summary: `Temporal's remote codec: ${way} payloads`,
      request: { body: { content: { 'application/json': { schema: Payloads } }, required: true } },
      responses: {
        200: { content: { 'application/json': { schema: Payloads } }, description: 'The payloads, in their order' },
        default: { content: { 'application/json': { schema: ErrorAnswer } }, description: 'What is wrong' },
      },
    });
    app.openapi(route, async (c) => {
      const payloads = await endpoint[way](c.req.valid('json').payloads);
      return c.json({ payloads: payloads.map((payload) => ({ ...payload, metadata: { ...payload.metadata } })) }, 200);
    });
  }
  return app;
}

/**
 * Lets pages of the Web UI ask, before they are asked who they are. The headers are those that it may send (TEMPORAL_CODEC_PASS_ACCESS_TOKEN
 * brings two), and with TEMPORAL_CODEC_INCLUDE_CREDENTIALS a browser asks for the last word as well.
 */
export function codecCors({ uiOrigins }: CodecDeps): ReturnType<typeof cors> {
  const allowHeaders = ['authorization', 'authorization-extras', 'content-type', 'x-namespace'];
  return cors({ origin: [...uiOrigins], allowMethods: ['POST'], allowHeaders, credentials: true, maxAge: 600 });
}

/** True for a call that a page of the Web UI may make. */
export function isFromUi({ uiOrigins }: CodecDeps, path: string, origin: string): boolean {
  return path.startsWith(`${CODEC_PATH}/`) && uiOrigins.includes(origin);
}
