import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { HoldfastError } from '../domain/failure.ts';
import { forgeKinds } from '../domain/forge.ts';
import { refuseInvalid } from './errors.ts';
import { followUp, type FollowedUp, type FollowUpDeps } from './follow-up.ts';
import { eventOf } from './forge-events.ts';
import { deliveryIdIn, eventIn, isSigned } from './forge-signature.ts';
import { answer, ErrorAnswer } from './schemas.ts';

/** What the routes for forges work with. */
export interface ForgeWebhookDeps extends FollowUpDeps {
  /** The secrets of this moment by which deliveries may be signed; none: the routes are not there. */
  readonly secrets: () => readonly string[];
}

const Taken = z
  .object({
    outcome: z.enum(['started', 'forgotten', 'ignored']),
    sessionId: z.string().optional(),
    reason: z.string().optional(),
  })
  .openapi('ForgeDelivery');

const route = createRoute({
  method: 'post',
  path: '/{kind}/webhook',
  summary: 'What a forge tells of pull requests: comments that ask and checks that fail start sessions that go on',
  description: 'Judged by the signature of the forge alone; there only where FORGE_WEBHOOK_SECRET is set.',
  security: [],
  request: {
    params: z.object({ kind: z.enum(forgeKinds) }),
    body: { content: { 'application/json': { schema: z.looseObject({}) } } },
  },
  responses: {
    202: { content: { 'application/json': { schema: answer(Taken) } }, description: 'Taken, now or before' },
    default: { content: { 'application/json': { schema: ErrorAnswer } }, description: 'What is wrong' },
  },
});

/** `/v1/forges/{kind}/webhook`. Each delivery counts once: what became of it is on record, and answered again. */
export function forgeWebhookRoutes(deps: ForgeWebhookDeps): OpenAPIHono {
  const { secrets, store } = deps;
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  app.openapi(route, async (c) => {
    const { kind } = c.req.valid('param');
    const known = secrets();
    if (known.length === 0) throw new HoldfastError('NOT_FOUND', `There is no POST ${c.req.path}.`);
    const header = (name: string) => c.req.header(name);
    if (!isSigned(kind, header, await c.req.text(), known)) {
      throw new HoldfastError('UNAUTHORIZED', 'The delivery is not signed with the secret of this server.');
    }
    const id = deliveryIdIn(kind, header);
    if (id === undefined) throw new HoldfastError('INVALID_REQUEST', 'The delivery has no id.');
    const earlier = await store.pullRequests.outcomeOf(`${kind} ${id}`);
    if (earlier !== undefined) return c.json({ success: true as const, data: Taken.parse(earlier) }, 202);
    const event = eventOf(kind, eventIn(kind, header), c.req.valid('json'));
    const outcome: FollowedUp =
      event === null ? { outcome: 'ignored', reason: 'nothing follows from it' } : await followUp(deps, event);
    await store.pullRequests.settle(`${kind} ${id}`, outcome, Date.now());
    return c.json({ success: true as const, data: outcome }, 202);
  });
  return app;
}
