import * as z from 'zod';
import { HoldfastError, type FailureCode } from '../../domain/failure.ts';
import { ForgeApi, isAnswer, type ForgeAccess, type ForgePlace } from './forge-api.ts';
import type { Forge, PullRequest } from './forge.ts';
import { isMerge, pathsOf, pullFields, sharedCalls } from './shared-calls.ts';

const Pull = z.object({
  ...pullFields,
  node_id: z.string(),
  draft: z.boolean().optional(),
  labels: z.array(z.object({ name: z.string() })),
  requested_teams: z.array(z.object({ slug: z.string() })).nullish(),
});
const Answered = z.object({
  errors: z.array(z.object({ message: z.string(), type: z.string().optional() })).optional(),
});
const READY =
  'mutation($id: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $id}) { pullRequest { isDraft } } }';
const PAGES = 'per_page=100';
const RATE_LIMIT_MS = 60_000;
const refusals: Readonly<Record<string, FailureCode>> = {
  RATE_LIMITED: 'FORGE_RATE_LIMITED',
  FORBIDDEN: 'FORGE_AUTH_FAILED',
  INSUFFICIENT_SCOPES: 'FORGE_AUTH_FAILED',
};

/** GitHub and GitHub Enterprise Server: the REST API of 2022-11-28, and GraphQL for the one thing that REST cannot do. */
export function gitHub({ baseUrl, repository }: ForgePlace, access: ForgeAccess): Forge {
  const { rest, graphql } = addressesOf(baseUrl);
  const headers = {
    accept: 'application/vnd.github+json',
    authorization: `Bearer ${access.token}`,
    'x-github-api-version': '2022-11-28',
  };
  const api = new ForgeApi({ name: 'GitHub', base: rest, headers }, access);
  const pathOf = pathsOf(repository);
  const owner = repository.split('/')[0] ?? '';
  return {
    ...sharedCalls(api, pathOf, PAGES),
    kind: 'github',
    find: async (merge) => {
      // Without the owner before the colon GitHub passes the filter over.
      const query = new URLSearchParams({ state: 'open', head: `${owner}:${merge.head}`, base: merge.target });
      const pulls = await api.list(pathOf(`/pulls?${query.toString()}`), z.array(Pull), PAGES);
      const found = pulls.find((pull) => isMerge(pull, repository, merge));
      return found === undefined ? null : toPullRequest(owner, found);
    },
    create: async ({ head, target, title, body, isDraft }) => {
      const open = (draft: boolean) =>
        api.send('POST', pathOf('/pulls'), Pull, { head, base: target, title, body, draft });
      const opened = open(isDraft).catch((error: unknown) => {
        // Private repositories of some plans have no drafts.
        if (isDraft && isAnswer(error, 422) && /draft/i.test(error.message)) return open(false);
        throw error;
      });
      return toPullRequest(owner, await opened);
    },
    edit: async ({ number }, { title, body }) => {
      await api.send('PATCH', pathOf(`/pulls/${number}`), z.unknown(), { title, body });
    },
    makeReady: async ({ id, number }) => {
      const { errors = [] } = await api.send('POST', graphql, Answered, { query: READY, variables: { id } });
      if (errors.length > 0) throw graphQlFailure(`#${number} stays a draft`, errors);
    },
    addLabels: async ({ number }, labels) => {
      await api.send('POST', pathOf(`/issues/${number}/labels`), z.unknown(), { labels });
    },
  };
}

/** Where the APIs are: on a host of their own for github.com, below a path on an enterprise server. */
function addressesOf(baseUrl: string): { readonly rest: string; readonly graphql: string } {
  const base = baseUrl.replace(/\/+$/, '');
  if (new URL(base).hostname === 'github.com') {
    return { rest: 'https://api.github.com', graphql: 'https://api.github.com/graphql' };
  }
  return { rest: `${base}/api/v3`, graphql: `${base}/api/graphql` };
}

/** GraphQL refuses with status 200. */
function graphQlFailure(what: string, errors: NonNullable<z.infer<typeof Answered>['errors']>): HoldfastError {
  const code = errors.map(({ type = '' }) => refusals[type]).find((known) => known !== undefined) ?? 'FORGE_REJECTED';
  const said = errors.map(({ message }) => message).join('; ');
  const facts = code === 'FORGE_RATE_LIMITED' ? { retryAfterMs: RATE_LIMIT_MS } : {};
  return new HoldfastError(code, `GitHub refuses, and ${what}: ${said}`, facts);
}

function toPullRequest(owner: string, pull: z.infer<typeof Pull>): PullRequest {
  return {
    number: pull.number,
    id: pull.node_id,
    url: pull.html_url,
    title: pull.title,
    body: pull.body ?? '',
    isDraft: pull.draft === true,
    labels: pull.labels.map(({ name }) => name),
    reviewers: [
      ...(pull.requested_reviewers ?? []).map(({ login }) => login),
      ...(pull.requested_teams ?? []).map(({ slug }) => `${owner}/${slug}`),
    ],
  };
}
