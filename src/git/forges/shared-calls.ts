import * as z from 'zod';
import { isAnswer, type ForgeApi } from './forge-api.ts';
import type { Forge, Merge } from './forge.ts';

/** A person or a program. */
export const Named = z.object({ login: z.string() });
const Issued = z.object({ id: z.int(), body: z.string().nullish(), user: Named.nullish() });
const mayWrite: readonly string[] = ['owner', 'admin', 'maintain', 'write'];

/** What GitHub and Gitea both say of a pull request; Gitea took its API after GitHub's. */
export const pullFields = {
  number: z.int(),
  html_url: z.string(),
  title: z.string(),
  body: z.string().nullish(),
  requested_reviewers: z.array(Named).nullish(),
  head: z.object({ ref: z.string(), repo: z.object({ full_name: z.string() }).nullish() }),
  base: z.object({ ref: z.string() }),
};
const PullFields = z.object(pullFields);

/** Paths below one repository. */
export type PathOf = (rest: string) => string;

/** The paths of a repository `owner/name`. */
export function pathsOf(repository: string): PathOf {
  const path = repository.split('/').map(encodeURIComponent).join('/');
  return (rest) => `/repos/${path}${rest}`;
}

/** True for the request that merges one branch of the repository into another one of it. */
export function isMerge(pull: z.infer<typeof PullFields>, repository: string, { head, target }: Merge): boolean {
  const from = pull.head.repo?.full_name.toLowerCase();
  return pull.head.ref === head && pull.base.ref === target && from === repository.toLowerCase();
}

/** The calls that GitHub and Gitea take in the same words. */
export function sharedCalls(
  api: ForgeApi,
  pathOf: PathOf,
  pages: string,
): Pick<
  Forge,
  | 'viewer'
  | 'defaultBranch'
  | 'requestReviews'
  | 'comments'
  | 'addComment'
  | 'editComment'
  | 'deleteComment'
  | 'isProtected'
  | 'mayPush'
> {
  return {
    // The token of an app's installation belongs to nobody, and one of few rights may not ask.
    viewer: async () => (await unless(api.get('/user', Named), 403))?.login ?? null,
    defaultBranch: async () => (await api.get(pathOf(''), z.object({ default_branch: z.string() }))).default_branch,
    requestReviews: async ({ number }, reviewers) => {
      const teams = reviewers.flatMap((name) => name.split('/').slice(1));
      const people = reviewers.filter((name) => !name.includes('/'));
      const body = { reviewers: people, team_reviewers: teams };
      await api.send('POST', pathOf(`/pulls/${number}/requested_reviewers`), z.unknown(), body);
    },
    comments: async ({ number }) => {
      const found = await api.list(pathOf(`/issues/${number}/comments`), z.array(Issued), pages);
      return found.map(({ id, body, user }) => ({ id: String(id), author: user?.login ?? '', body: body ?? '' }));
    },
    addComment: async ({ number }, body) => {
      await api.send('POST', pathOf(`/issues/${number}/comments`), z.unknown(), { body });
    },
    editComment: async (_request, { id }, body) => {
      await api.send('PATCH', pathOf(`/issues/comments/${id}`), z.unknown(), { body });
    },
    deleteComment: async (_request, { id }) => {
      await api.send('DELETE', pathOf(`/issues/comments/${id}`), z.unknown());
    },
    isProtected: async (branch) => {
      const asking = api.get(pathOf(`/branches/${encodeURIComponent(branch)}`), z.object({ protected: z.boolean() }));
      // 301: GitHub names the branch that this one was renamed to; a push under the old name makes a new one.
      return (await unless(asking, 301, 404))?.protected === true;
    },
    mayPush: async (login) => {
      const path = pathOf(`/collaborators/${encodeURIComponent(login)}/permission`);
      const found = await unless(api.get(path, z.object({ permission: z.string() })), 404);
      return found !== null && mayWrite.includes(found.permission);
    },
  };
}

/** What a call answers; null where the forge refuses it with one of these. */
export async function unless<T>(calling: Promise<T>, ...statuses: readonly number[]): Promise<T | null> {
  return calling.catch((error: unknown) => {
    if (isAnswer(error, ...statuses)) return null;
    throw error;
  });
}
