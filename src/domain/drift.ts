import * as z from 'zod';

const decision = z.string();

/** How the world has moved away from what was frozen, and what is done about it: the data of an event `drift`. */
export const Drift = z.discriminatedUnion('what', [
  z.strictObject({
    what: z.literal('directory'),
    /** The first of the paths that are no longer as they were. */
    paths: z.array(z.string()),
    /** Of all such paths. */
    count: z.int(),
    decision,
  }),
  z.strictObject({ what: z.literal('model'), frozen: z.string(), served: z.string(), decision }),
]);
export type Drift = z.infer<typeof Drift>;
