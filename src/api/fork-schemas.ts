import { z } from '@hono/zod-openapi';
import { Limits, number, text } from './schemas.ts';
import { Credentials } from './source-schemas.ts';

/** Body of `POST /api/sessions/{id}/fork`. */
export const ForkSession = z
  .strictObject({
    checkpoint: z.int().min(0).openapi({ description: 'The turn of one of its checkpoints; default: the newest.' }),
    userPrompt: text.openapi({ description: 'Told to the agent at this point; without it, it just goes on.' }),
    limits: Limits.openapi({ description: "Instead of the parent's. A fork counts what it uses itself." }),
    credentials: Credentials.openapi({
      description: "Instead of the parent's, or in place of those that were removed when it ended.",
    }),
  })
  .partial()
  .openapi('ForkSession');

export const CheckpointQuery = z.strictObject({
  limit: number(1, 100).optional(),
  cursor: z.string().max(500).optional(),
});

export const CheckpointList = z
  .object({
    items: z.array(
      z.object({
        turn: z.int(),
        seq: z.int(),
        tree: z.string(),
        usage: z.record(z.string(), z.number()),
        at: z.int(),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .openapi('CheckpointList');
