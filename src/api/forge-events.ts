import { z } from '@hono/zod-openapi';
import { digestOf } from '../digest/canonical-json.ts';
import type { RequestEvent } from '../domain/follow-up.ts';
import type { ForgeKind } from '../domain/forge.ts';

const url = z.string().max(2000);
const User = z.object({ login: z.string(), type: z.string().optional() });
const Said = z.object({
  id: z.int(),
  body: z.string().nullish(),
  html_url: url,
  user: User,
  path: z.string().nullish(),
  line: z.int().nullish(),
});
const Request = z.object({ html_url: url });
const failures: readonly string[] = ['failure', 'failed', 'error', 'timed_out'];

const IssueComment = z.object({
  action: z.literal('created'),
  comment: Said,
  // An issue that is a pull request has this; one that is none has it empty, or not at all.
  issue: z.object({ html_url: url, pull_request: z.object({}).loose() }),
});
const ReviewComment = z.object({ action: z.literal('created'), comment: Said, pull_request: Request });
const Review = z.object({ action: z.literal('submitted'), review: Said, pull_request: Request });
/** Gitea's `PullRequestPayload` with its `ReviewPayload` (modules/structs/hook.go), which has no id of the review. */
const GiteaReview = z.object({
  action: z.literal('reviewed'),
  review: z.object({ type: z.string(), content: z.string() }),
  pull_request: z.object({ html_url: url, updated_at: z.string().nullish() }),
  sender: User,
});
const Closed = z.object({ action: z.literal('closed'), pull_request: Request });
const Suite = z.object({
  action: z.literal('completed'),
  check_suite: z.object({
    head_sha: z.string(),
    conclusion: z.string().nullish(),
    app: z.object({ name: z.string() }),
  }),
});
const Run = z.object({
  action: z.literal('completed'),
  workflow_run: z.object({
    head_sha: z.string(),
    conclusion: z.string().nullish(),
    name: z.string().nullish(),
    html_url: url,
  }),
});
const Status = z.object({ sha: z.string(), state: z.string(), context: z.string(), target_url: url.nullish() });
const Note = z.object({
  user: z.object({ username: z.string() }),
  object_attributes: z.object({
    id: z.int(),
    note: z.string(),
    noteable_type: z.literal('MergeRequest'),
    system: z.boolean().optional(),
    action: z.string().optional(),
    url,
    position: z.object({ new_path: z.string().nullish(), new_line: z.int().nullish() }).nullish(),
  }),
});
const Pipeline = z.object({
  object_attributes: z.object({ status: z.string(), sha: z.string(), url: url.nullish() }),
});
const MergeRequest = z.object({ object_attributes: z.object({ action: z.enum(['close', 'merge']), url }) });

type Reading = (payload: unknown) => RequestEvent | null;

/** What GitHub and Gitea have in the same form. */
const shared: Readonly<Record<string, Reading>> = {
  issue_comment: reading(IssueComment, ({ comment, issue }) => commentOf(comment, issue.html_url)),
  pull_request: reading(Closed, ({ pull_request: request }) => ({ kind: 'closed', request: request.html_url })),
  workflow_run: reading(Run, ({ workflow_run: run }) =>
    failedCheck(run.conclusion, { head: run.head_sha, name: run.name ?? 'workflow', url: run.html_url }),
  ),
  status: reading(Status, ({ context, sha, state, target_url: target }) =>
    failedCheck(state, { head: sha, name: context, url: target || null }),
  ),
};

/** All three kinds of reviews: which one it is changes nothing about what its words ask for. */
const giteaReview = reading(GiteaReview, giteaReviewOf);

const readings: Readonly<Record<ForgeKind, Readonly<Record<string, Reading>>>> = {
  github: {
    ...shared,
    pull_request_review_comment: reading(ReviewComment, ({ comment, pull_request: request }) =>
      commentOf(comment, request.html_url),
    ),
    pull_request_review: reading(Review, ({ review, pull_request: request }) => commentOf(review, request.html_url)),
    check_suite: reading(Suite, ({ check_suite: suite }) =>
      failedCheck(suite.conclusion, { head: suite.head_sha, name: suite.app.name, url: null }),
    ),
  },
  gitea: {
    ...shared,
    pull_request_approved: giteaReview,
    pull_request_comment: giteaReview,
    pull_request_rejected: giteaReview,
  },
  gitlab: {
    'Note Hook': reading(Note, ({ object_attributes: note, user }) => {
      if (note.system === true || (note.action ?? 'create') !== 'create') return null;
      const { new_path: path, new_line: line } = note.position ?? {};
      return {
        kind: 'comment',
        id: String(note.id),
        request: note.url.replace(/#.*$/, ''),
        url: note.url,
        author: user.username,
        isBot: /^(project|group)_\d+_bot/.test(user.username),
        text: note.note,
        place: path ? `${path}${line ? `:${line}` : ''}` : null,
      };
    }),
    'Pipeline Hook': reading(Pipeline, ({ object_attributes: { sha, status, url: address } }) =>
      failedCheck(status, { head: sha, name: 'pipeline', url: address ?? null }),
    ),
    'Merge Request Hook': reading(MergeRequest, ({ object_attributes: { url: request } }) => ({
      kind: 'closed',
      request,
    })),
  },
};

/** What a delivery of a forge says about a request; null for all that is of no interest here. */
export function eventOf(kind: ForgeKind, name: string, payload: unknown): RequestEvent | null {
  const read = Object.hasOwn(readings[kind], name) ? readings[kind][name] : undefined;
  return read?.(payload) ?? null;
}

function reading<T>(schema: z.ZodType<T>, make: (payload: T) => RequestEvent | null): Reading {
  return (payload) => {
    const parsed = schema.safeParse(payload);
    return parsed.success ? make(parsed.data) : null;
  };
}

/** What somebody said; where the forge has no id for it, under one that we make. */
type Remark = Omit<z.infer<typeof Said>, 'id'> & { readonly id: number | string };

function commentOf({ body, html_url: address, id, line, path, user }: Remark, request: string): RequestEvent {
  return {
    kind: 'comment',
    id: String(id),
    request,
    url: address,
    author: user.login,
    isBot: user.type === 'Bot',
    text: body ?? '',
    place: path ? `${path}${line ? `:${line}` : ''}` : null,
  };
}

/**
 * A review of Gitea as a comment. Its id is made of who said what and when: a replay of the delivery says the same again, a later
 * review in the same words another time.
 */
function giteaReviewOf({ pull_request: request, review, sender }: z.infer<typeof GiteaReview>): RequestEvent {
  const { html_url: address, updated_at: at } = request;
  const id = `review ${digestOf(JSON.stringify([sender.login, review.type, review.content, at]))}`;
  return commentOf({ id, body: review.content, html_url: address, user: sender }, address);
}

function failedCheck(
  conclusion: string | null | undefined,
  check: Omit<Extract<RequestEvent, { kind: 'check' }>, 'kind'>,
): RequestEvent | null {
  return failures.includes(conclusion ?? '') ? { kind: 'check', ...check } : null;
}
