import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { HoldfastError } from '../domain/failure.ts';
import type { Store } from '../store/store.ts';
import { answer, ErrorAnswer } from './schemas.ts';
import type { Sessions } from './session-manager.ts';

/** What the health of the API is told from. */
export interface HealthDeps {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly version: string;
  /** How the sandbox is configured. */
  readonly sandbox: string;
}

const Health = z.object({ status: z.literal('ok'), version: z.string(), sandbox: z.string() }).openapi('Health');
const Readiness = z.object({ temporal: z.literal(true), records: z.literal(true) }).openapi('Readiness');

const live = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether this process lives',
  security: [],
  responses: { 200: { content: { 'application/json': { schema: answer(Health) } }, description: 'It lives' } },
});
const ready = createRoute({
  method: 'get',
  path: '/readyz',
  summary: 'Whether Temporal and the records answer',
  security: [],
  responses: {
    200: { content: { 'application/json': { schema: answer(Readiness) } }, description: 'Both answer' },
    503: {
      content: { 'application/json': { schema: ErrorAnswer } },
      description: 'At least one is away; `details` has both',
    },
  },
});

/** `/healthz` and `/readyz`: open to everybody, and without a word about sessions. */
export function healthRoutes({ store, sessions, version, sandbox }: HealthDeps): OpenAPIHono {
  const app = new OpenAPIHono();
  app.openapi(live, (c) => c.json({ success: true as const, data: { status: 'ok' as const, version, sandbox } }, 200));
  app.openapi(ready, async (c) => {
    const [temporal, records] = await Promise.all([
      sessions.isReachable(),
      store.sessions.live().then(
        () => true,
        () => false,
      ),
    ]);
    const details = { temporal, records };
    if (!records) throw new HoldfastError('STORAGE_FAILED', 'The records cannot be read.', { details });
    if (!temporal) throw new HoldfastError('TEMPORAL_UNAVAILABLE', 'Temporal does not answer.', { details });
    return c.json({ success: true as const, data: { temporal, records } }, 200);
  });
  return app;
}
