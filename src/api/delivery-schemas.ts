import { z } from '@hono/zod-openapi';
import { deliveryKinds } from '../domain/delivery.ts';
import { forgeKinds, ForgeSpec } from '../domain/forge.ts';

const line = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]*$/u, 'must be one line');
const person = z.strictObject({ name: line.regex(/^[^<>]*$/, 'must be without < and >'), email: z.email() });
const branchName = /^(?!-)(?!.*\.\.)(?!.*\/\/)(?!\/)(?!.*\.lock(\/|$))[A-Za-z0-9._/-]{1,200}(?<![./])$/;
/** What a template of a branch name may hold, see `branchNameOf`. */
const placeholders = /\{(id|taskId|date|slug)\}/g;

/** A plain branch name. */
export const BranchName = z.string().regex(branchName, 'must be a branch name');

/** The fields of a request that say how its result is delivered. */
export const delivering = {
  delivery: z
    .enum(deliveryKinds, { error: `must be one of ${deliveryKinds.join(', ')}` })
    .optional()
    .openapi({ description: 'Default: branch for a repository, directory for a local directory.' }),
  branch: z
    .string()
    .max(300)
    .refine((name) => branchName.test(name.replace(placeholders, 'x')), 'must be a branch name')
    .optional()
    .openapi({ description: 'May hold {id}, {taskId}, {date} and {slug}.', example: 'holdfast/{slug}-{id}' }),
  branchStrategy: z.enum(['new', 'unique', 'existing']).default('new').openapi({
    description:
      'new: the branch must not be there. unique: a part of the session id is added to its name. existing: the work starts from it and goes on with it.',
  }),
  allowDefaultBranch: z
    .boolean()
    .default(false)
    .openapi({ description: "Lets the result be pushed to the repository's default branch." }),
  allowProtectedBranch: z.boolean().default(false).openapi({
    description: 'Lets the result be pushed to a branch that the forge protects, if its rules let the token.',
  }),
  author: person.optional().openapi({ description: 'Who the commit is by; default Holdfast.' }),
  coAuthors: z.array(person).max(20).default([]),
  trailers: z
    .record(
      z
        .string()
        .regex(/^(?!holdfast-)(?!co-authored-by$)[A-Za-z][A-Za-z0-9-]{0,60}$/i, 'must be the name of a trailer'),
      line,
    )
    .default({})
    .refine((trailers) => Object.keys(trailers).length <= 20, 'at most 20')
    .openapi({ description: 'Further trailers of the commit.', example: { Ticket: 'APP-12' } }),
  signingKey: z
    .string()
    .max(20_000)
    .optional()
    .openapi({ description: 'A private SSH key without passphrase that signs the commit: ed25519 or RSA.' }),
  forge: ForgeSpec.optional().openapi({
    description: 'Where the repository lives, when its host does not say it: for servers of one’s own.',
    example: { kind: 'gitea', baseUrl: 'https://git.example.com' },
  }),
  forgeToken: z.string().min(1).max(10_000).optional().openapi({ description: 'Default: source.credentials.token.' }),
  pullRequest: z
    .strictObject({
      target: BranchName.openapi({ description: 'Default: the branch the work starts from.' }),
      title: line,
      draft: z.boolean().default(true),
      readyWhenVerified: z.boolean().default(true),
      followUps: z.boolean().default(false).openapi({
        description:
          'Lets comments and failed checks of the request start sessions that go on with it; the credentials are kept for them until it is closed.',
      }),
      labels: z
        .array(line.regex(/^[^,]*$/, 'must be without a comma'))
        .max(20)
        .default([]),
      reviewers: z
        .array(z.string().regex(/^[\w.-]+(\/[\w.-]+)?$/, 'must be a login, or org/team'))
        .max(20)
        .default([]),
    })
    .partial({ target: true, title: true })
    .optional(),
};

/** Where a result was delivered. */
export const DeliveredResult = z.object({
  kind: z.string(),
  branch: z.string().nullable(),
  commit: z.string(),
  tree: z.string(),
  verified: z.boolean(),
  pullRequest: z
    .object({
      forge: z.enum(forgeKinds),
      number: z.int(),
      url: z.string(),
      draft: z.boolean(),
      notes: z.array(z.string()).openapi({ description: 'What the forge did not take: a label, a reviewer.' }),
    })
    .optional(),
});
