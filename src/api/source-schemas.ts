import { z } from '@hono/zod-openapi';
import { GitCredentials } from '../domain/git-credentials.ts';

/** Features of later versions: naming them is a fault that says so, instead of one that calls the field unknown. */
export const later = z
  .unknown()
  .refine((value) => value === undefined, 'not available in this version')
  .optional()
  .openapi({ description: 'Not available in this version.' });

/** The `source` of a request: a repository elsewhere. */
export const SourceBody = z.strictObject({
  repoUrl: z.string().min(1).max(2000).openapi({
    description: 'http(s)://…, ssh://user@host/path, user@host:path, or an absolute path below an allowed root.',
  }),
  ref: z.string().trim().min(1).max(255).optional().openapi({
    description: 'A branch, a tag, a full ref (refs/pull/7/head) or all 40 characters of a commit id; default HEAD.',
  }),
  credentials: GitCredentials.optional().openapi({
    description:
      'HTTP: token, with a username where it is not a token of GitHub, GitLab or Gitea. SSH: sshKey and knownHosts. ca: certificates that sign the host.',
  }),
  credentialId: later,
  submodules: z.boolean().default(false).openapi({
    description: 'Fetches the submodules, too, at the commits that are pinned: inputs, of which nothing is delivered.',
  }),
  lfs: z.boolean().default(false).openapi({
    description: 'Fetches the files that Git LFS keeps, too; those that are changed go back there before the push.',
  }),
});

/** What a resume or a fork may bring along, in place of what the session was created with. */
export const Credentials = z
  .strictObject({
    modelApiKey: z.string().min(1),
    gitToken: GitCredentials.shape.token,
    gitUsername: GitCredentials.shape.username,
    gitSshKey: GitCredentials.shape.sshKey,
    gitKnownHosts: GitCredentials.shape.knownHosts,
    gitCa: GitCredentials.shape.ca,
    forgeToken: z.string().min(1).max(10_000),
    signingKey: z.string().min(1).max(20_000),
  })
  .partial();
