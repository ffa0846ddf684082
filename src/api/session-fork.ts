import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import { faultsOf, invalid, refuseInvalid } from './errors.ts';
import { faultsOfFork, forkOf } from './fork-intake.ts';
import { ForkSession } from './fork-schemas.ts';
import * as schemas from './schemas.ts';
import { bodySha256 } from './session-intake.ts';
import { begin } from './session-start.ts';
import type { SessionRouteDeps } from './sessions.ts';

const route = createRoute({
  method: 'post',
  path: '/{id}/fork',
  summary: 'Go on from a checkpoint, in a session of its own',
  request: {
    params: schemas.SessionPath,
    headers: schemas.IdempotencyHeader,
    body: { content: { 'application/json': { schema: ForkSession } }, required: false },
  },
  responses: {
    201: {
      content: { 'application/json': { schema: schemas.answer(schemas.Created) } },
      description: 'Accepted and durable; it goes on by itself',
    },
    default: {
      content: { 'application/json': { schema: schemas.ErrorAnswer } },
      description: 'What is wrong, and what to do about it',
    },
  },
});

/** `POST /api/sessions/{id}/fork`: of a session in any state, as soon as it has a checkpoint. */
export function forkRoutes(deps: SessionRouteDeps): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  const refuseBody = async (id: string, body: Promise<unknown>, error: z.ZodError): Promise<never> => {
    const named = faultsOf(error);
    const more = await faultsOfFork(deps, id, await body);
    throw invalid([...named, ...more.filter(({ path }) => named.every((fault) => fault.path !== path))]);
  };
  app.openapi(
    route,
    async (c) => {
      const { id } = c.req.valid('param');
      const request = c.req.valid('json');
      const key = c.req.valid('header')['idempotency-key'];
      const idempotency = key === undefined ? null : { key, bodySha256: bodySha256({ fork: id, ...request }) };
      const { session, created } = await begin(deps, idempotency, () => forkOf(deps, id, request));
      if (!created) c.header('Idempotent-Replay', 'true');
      const data = { sessionId: session.id, state: 'INIT' as const, createdAt: session.createdAt };
      return c.json({ success: true as const, data }, 201);
    },
    (result, c) => {
      if (!result.success && result.target === 'json') return refuseBody(c.req.param('id'), c.req.json(), result.error);
      refuseInvalid(result);
      return undefined;
    },
  );
  return app;
}
