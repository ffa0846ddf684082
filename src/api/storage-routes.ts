import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Reaper } from '../reaper.ts';
import { refuseInvalid } from './errors.ts';
import { answer, ErrorAnswer } from './schemas.ts';

const Reaping = z
  .object({
    items: z.array(z.object({ kind: z.string(), bytes: z.int(), files: z.int() })),
    total: z.int().describe('Bytes, as du(1) counts them'),
    sessions: z.array(z.string()).describe('Ended or deleted, with files that nobody needs'),
    orphanedBlobs: z.int(),
    expired: z.array(z.string()).describe('Ended longer ago than SESSION_KEEP_MS: they go with all they left'),
    kept: z
      .array(z.object({ sessionId: z.string(), secrets: z.int(), pullRequests: z.array(z.string()) }))
      .describe('Ended, with credentials that stay for follow-ups while the pull request is open: these do not expire'),
    branches: z
      .array(
        z.object({
          sessionId: z.string(),
          repository: z.string(),
          branch: z.string(),
          commits: z.array(z.string()).describe('That it may be at if nobody else has pushed'),
        }),
      )
      .describe('Work branches of failed sessions; with REAP_BRANCHES each goes with its session'),
    forgeDeliveries: z.int().describe('Told by forges too long ago to be told again'),
    removed: z.boolean(),
  })
  .openapi('Reaping');

/** `/api/storage`: where the bytes of this machine are, and removing those that nobody needs. */
export function storageRoutes(reaper: Pick<Reaper, 'reap'>): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  const responses = {
    200: { content: { 'application/json': { schema: answer(Reaping) } }, description: 'What is there, by kind' },
    default: { content: { 'application/json': { schema: ErrorAnswer } }, description: 'What is wrong' },
  };
  const reap = async (dryRun: boolean) => {
    return { success: true as const, data: structuredClone(await reaper.reap({ dryRun })) as z.infer<typeof Reaping> };
  };
  const look = createRoute({
    method: 'get',
    path: '/',
    summary: 'Where the bytes are, and what nobody needs',
    responses,
  });
  app.openapi(look, async (c) => c.json(await reap(true), 200));
  const remove = createRoute({ method: 'post', path: '/reap', summary: 'Remove what nobody needs', responses });
  app.openapi(remove, async (c) => c.json(await reap(false), 200));
  return app;
}
