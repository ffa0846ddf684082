import * as z from 'zod';
import { HoldfastError } from '../../domain/failure.ts';
import { markedTitle, plainTitle } from './draft-title.ts';
import { ForgeApi, type ForgeAccess, type ForgePlace } from './forge-api.ts';
import type { Forge, PullRequest } from './forge.ts';
import { unless } from './shared-calls.ts';

const User = z.object({ id: z.int(), username: z.string() });
const MergeRequest = z.object({
  id: z.int(),
  iid: z.int(),
  web_url: z.string(),
  title: z.string(),
  description: z.string().nullish(),
  labels: z.array(z.string()),
  reviewers: z.array(User).nullish(),
  source_branch: z.string(),
  target_branch: z.string(),
  source_project_id: z.int().nullish(),
  target_project_id: z.int().nullish(),
});
const Note = z.object({ id: z.int(), body: z.string(), system: z.boolean(), author: User.nullish() });
const Member = z.object({ username: z.string(), access_level: z.int() });
const PAGES = 'per_page=100';
/** All that GitLab takes for a draft, also what it only took in earlier versions (docs.gitlab.com, "Draft merge requests"). */
const draftMark = { prefix: 'Draft: ', pattern: /^\s*(\[draft\]|\(draft\)|draft:|\[wip\]|wip:)\s*/i };
/** The level of the role Developer, which may push. */
const DEVELOPER = 30;

/** GitLab, hosted or one's own: API v4. A pull request is a merge request here, counted by `iid`; its comments are notes. */
export function gitLab({ baseUrl, repository }: ForgePlace, access: ForgeAccess): Forge {
  const project = `/projects/${encodeURIComponent(repository)}`;
  const base = `${baseUrl.replace(/\/+$/, '')}/api/v4`;
  // Tokens of people, projects, groups and OAuth may all be sent like this.
  const api = new ForgeApi({ name: 'GitLab', base, headers: { authorization: `Bearer ${access.token}` } }, access);
  const change = async ({ number }: PullRequest, fields: object): Promise<void> => {
    await api.send('PUT', `${project}/merge_requests/${number}`, z.unknown(), fields);
  };
  const notesOf = ({ number }: PullRequest): string => `${project}/merge_requests/${number}/notes`;
  return {
    kind: 'gitlab',
    viewer: async () => (await unless(api.get('/user', User), 403))?.username ?? null,
    defaultBranch: async () => {
      const { default_branch: name } = await api.get(project, z.object({ default_branch: z.string().nullish() }));
      if (!name) throw new HoldfastError('FORGE_REJECTED', 'The project on GitLab has no default branch.');
      return name;
    },
    find: async ({ head, target }) => {
      const query = new URLSearchParams({ state: 'opened', source_branch: head, target_branch: target });
      const path = `${project}/merge_requests?${query.toString()}`;
      const requests = await api.list(path, z.array(MergeRequest), PAGES);
      const found = requests.find(
        (request) =>
          request.source_branch === head &&
          request.target_branch === target &&
          request.source_project_id === request.target_project_id, // Not from a fork with a branch of the same name.
      );
      return found === undefined ? null : toPullRequest(found);
    },
    create: async ({ head, target, title, body, isDraft }) => {
      const fields = { source_branch: head, target_branch: target, description: body };
      const marked = { ...fields, title: markedTitle(draftMark, title, isDraft) };
      return toPullRequest(await api.send('POST', `${project}/merge_requests`, MergeRequest, marked));
    },
    edit: (request, { title, body }) =>
      change(request, { title: markedTitle(draftMark, title, request.isDraft), description: body }),
    makeReady: (request) => change(request, { title: plainTitle(draftMark, request.title) }),
    addLabels: (request, labels) => change(request, { add_labels: labels.join(',') }),
    requestReviews: async (request, reviewers) => {
      // Reviewers are replaced as a whole, and named by their numbers.
      const all = [...new Set([...request.reviewers, ...reviewers])];
      await change(request, { reviewer_ids: await Promise.all(all.map((login) => userId(api, login))) });
    },
    comments: async (request) => {
      const notes = await api.list(`${notesOf(request)}?sort=asc&order_by=created_at`, z.array(Note), PAGES);
      const said = notes.filter(({ system }) => !system);
      return said.map(({ id, body, author }) => ({ id: String(id), author: author?.username ?? '', body }));
    },
    addComment: async (request, body) => {
      await api.send('POST', notesOf(request), z.unknown(), { body });
    },
    editComment: async (request, { id }, body) => {
      await api.send('PUT', `${notesOf(request)}/${id}`, z.unknown(), { body });
    },
    deleteComment: async (request, { id }) => {
      await api.send('DELETE', `${notesOf(request)}/${id}`, z.unknown());
    },
    isProtected: (branch) => isProtected(api, project, branch),
    mayPush: async (login) => {
      const path = `${project}/members/all?query=${encodeURIComponent(login)}`;
      const members = await api.list(path, z.array(Member), PAGES);
      return members.some((member) => member.username === login && member.access_level >= DEVELOPER);
    },
  };
}

async function isProtected(api: ForgeApi, project: string, branch: string): Promise<boolean> {
  const path = `${project}/repository/branches/${encodeURIComponent(branch)}`;
  const found = await unless(api.get(path, z.object({ protected: z.boolean() })), 404);
  if (found !== null) return found.protected;
  // A rule may hold for names of branches that are to come; who may not read the rules may not pass them over.
  const rules = api.list(`${project}/protected_branches`, z.array(z.object({ name: z.string() })), PAGES);
  return ((await unless(rules, 403, 404)) ?? []).some(({ name }) => isMatch(name, branch));
}

/** Wildcards as GitLab has them: `*` stands for any characters, slashes included (docs.gitlab.com, "Protected branches"). */
function isMatch(rule: string, branch: string): boolean {
  const pattern = rule.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${pattern}$`).test(branch);
}

async function userId(api: ForgeApi, login: string): Promise<number> {
  const [user] = await api.get(`/users?username=${encodeURIComponent(login)}`, z.array(User));
  if (user !== undefined) return user.id;
  throw new HoldfastError('FORGE_REJECTED', `GitLab knows no user ${login}.`, { details: { status: 422 } });
}

function toPullRequest(request: z.infer<typeof MergeRequest>): PullRequest {
  return {
    number: request.iid,
    id: String(request.id),
    url: request.web_url,
    title: plainTitle(draftMark, request.title),
    body: request.description ?? '',
    isDraft: draftMark.pattern.test(request.title),
    labels: request.labels,
    reviewers: (request.reviewers ?? []).map(({ username }) => username),
  };
}
