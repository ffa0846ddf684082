import * as z from 'zod';
import { markedTitle, plainTitle } from './draft-title.ts';
import { ForgeApi, type ForgeAccess, type ForgePlace } from './forge-api.ts';
import type { Forge, PullRequest } from './forge.ts';
import { isMerge, Named, pathsOf, pullFields, sharedCalls, unless } from './shared-calls.ts';

const Label = z.object({ id: z.int(), name: z.string() });
const Pull = z.object({
  ...pullFields,
  id: z.int(),
  labels: z.array(Label).nullish(),
  requested_reviewers_teams: z.array(z.object({ name: z.string() })).nullish(),
});
const PAGES = 'limit=50';
/** The prefixes that Gitea takes for a draft unless it is configured otherwise. */
const draftMark = { prefix: 'WIP: ', pattern: /^\s*(wip:|\[wip\])\s*/i };
const LABEL_COLOUR = '#ededed';

/** Gitea and Forgejo: API v1. */
export function gitea({ baseUrl, repository }: ForgePlace, access: ForgeAccess): Forge {
  const base = `${baseUrl.replace(/\/+$/, '')}/api/v1`;
  const api = new ForgeApi({ name: 'Gitea', base, headers: { authorization: `token ${access.token}` } }, access);
  const pathOf = pathsOf(repository);
  const owner = repository.split('/')[0] ?? '';
  const change = async ({ number }: PullRequest, fields: object): Promise<void> => {
    await api.send('PATCH', pathOf(`/pulls/${number}`), z.unknown(), fields);
  };
  const shared = sharedCalls(api, pathOf, PAGES);
  return {
    ...shared,
    kind: 'gitea',
    find: async (merge) => {
      // Gitea passes a filter by head over, and its look-up by branches answers closed requests: so the list is looked through.
      const pulls = await api.list(pathOf('/pulls?state=open'), z.array(Pull), PAGES);
      const found = pulls.find((pull) => isMerge(pull, repository, merge));
      return found === undefined ? null : toPullRequest(owner, found);
    },
    create: async ({ head, target, title, body, isDraft }) => {
      const marked = markedTitle(draftMark, title, isDraft);
      const opened = await api.send('POST', pathOf('/pulls'), Pull, { head, base: target, title: marked, body });
      return toPullRequest(owner, opened);
    },
    edit: (request, { title, body }) =>
      change(request, { title: markedTitle(draftMark, title, request.isDraft), body }),
    makeReady: (request) => change(request, { title: plainTitle(draftMark, request.title) }),
    addLabels: async ({ number }, names) => {
      // Older versions take labels by their numbers only.
      const known = await labelsOf(api, pathOf, owner);
      const labels: number[] = [];
      for (const name of names) {
        const make = () => api.send('POST', pathOf('/labels'), Label, { name, color: LABEL_COLOUR });
        labels.push(known.get(name) ?? (await make()).id);
      }
      await api.send('POST', pathOf(`/issues/${number}/labels`), z.unknown(), { labels });
    },
    mayPush: async (login) => {
      // Only an administrator of the repository may ask what somebody else is permitted.
      const told = await unless(shared.mayPush(login), 403);
      return told ?? (login === owner || isWriter(api, pathOf, login));
    },
  };
}

/** Labels of the repository and of its organization, by name; those of the repository count first. */
async function labelsOf(api: ForgeApi, pathOf: (rest: string) => string, owner: string): Promise<Map<string, number>> {
  const own = await api.list(pathOf('/labels'), z.array(Label), PAGES);
  // The owner is a person, or the organization is closed to the token.
  const listing = api.list(`/orgs/${encodeURIComponent(owner)}/labels`, z.array(Label), PAGES);
  const shared = (await unless(listing, 403, 404)) ?? [];
  return new Map([...shared, ...own].map(({ name, id }) => [name, id]));
}

/**
 * True for a collaborator who may write. Assignees may write something, be it only the wiki; collaborators may read at least: who is
 * both may push. Members of an organization's teams are not found so.
 */
async function isWriter(api: ForgeApi, pathOf: (rest: string) => string, login: string): Promise<boolean> {
  const lists = await Promise.all(
    ['/collaborators', '/assignees'].map((list) => api.list(pathOf(list), z.array(Named), PAGES)),
  );
  return lists.every((users) => users.some((user) => user.login === login));
}

function toPullRequest(owner: string, pull: z.infer<typeof Pull>): PullRequest {
  return {
    number: pull.number,
    id: String(pull.id),
    url: pull.html_url,
    title: plainTitle(draftMark, pull.title),
    body: pull.body ?? '',
    isDraft: draftMark.pattern.test(pull.title),
    labels: (pull.labels ?? []).map(({ name }) => name),
    reviewers: [
      ...(pull.requested_reviewers ?? []).map(({ login }) => login),
      ...(pull.requested_reviewers_teams ?? []).map(({ name }) => `${owner}/${name}`),
    ],
  };
}
