import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Store } from '../store/store.ts';
import { refuseInvalid } from './errors.ts';
import { answer, ErrorAnswer } from './schemas.ts';

const KeyUse = z
  .object({
    id: z.string(),
    seals: z.boolean().describe('True for the one that new secrets are sealed with'),
    present: z.boolean().describe('False for a key that sealed something and is not in the ring'),
    secrets: z.int().describe('Secrets that only this key opens'),
  })
  .openapi('MasterKey');
const KeyList = z.object({ items: z.array(KeyUse) }).openapi('MasterKeyList');
const Rotated = z
  .object({
    added: z.string().nullable().describe('Null where the keys are given by MASTER_KEY or MASTER_KEY_FILE'),
    seals: z.string(),
    resealed: z.int(),
    unreadable: z.int(),
  })
  .openapi('Rotated');

const gives = <T extends z.ZodType>(schema: T, description: string) => ({
  content: { 'application/json': { schema: answer(schema) } },
  description,
});
const fails = {
  content: { 'application/json': { schema: ErrorAnswer } },
  description: 'What is wrong, and what to do about it',
};

/** `/api/master-keys`: which keys seal the secrets, without the keys; and changing the one that does. */
export function keyRoutes({ keys }: Pick<Store, 'keys'>): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  const list = createRoute({
    method: 'get',
    path: '/',
    summary: 'The master keys by id, the one that seals first',
    responses: { 200: gives(KeyList, 'The keys, without themselves'), default: fails },
  });
  app.openapi(list, async (c) =>
    c.json({ success: true as const, data: { items: (await keys.keys()).map((key) => ({ ...key })) } }, 200),
  );
  const rotate = createRoute({
    method: 'post',
    path: '/rotate',
    summary: 'Make a new master key, where they are our own, and seal all secrets with the first one',
    responses: { 200: gives(Rotated, 'Rotated'), default: fails },
  });
  app.openapi(rotate, async (c) => c.json({ success: true as const, data: { ...(await keys.rotate()) } }, 200));
  return app;
}
