import type { ForgeKind } from '../../src/domain/forge.ts';
import { sha, url } from './forge-setting.ts';

/** What somebody says in a review. */
export interface Said {
  readonly text: string;
  readonly author?: string;
  /** Of the review or comment. */
  readonly id?: number;
  /** When, in seconds of some minute. */
  readonly second?: number;
}

/** An event with its payload, made of what is said. */
export type Saying = (said: Said) => [string, object];

const at = (second = 0): string => `2026-07-24T10:00:${String(second).padStart(2, '0')}Z`;

const githubUser = (login: string) => ({ login, id: 1, node_id: 'MDQ6VXNlcjE=', type: 'User', site_admin: false });
const githubRequest = {
  url: 'https://api.git.test/repos/acme/app/pulls/1',
  id: 279147437,
  number: 1,
  state: 'open',
  html_url: url,
  head: { label: 'acme:feat/x', ref: 'feat/x', sha },
  base: { label: 'acme:main', ref: 'main' },
};
const githubRest = (login: string) => ({
  repository: { id: 186853002, full_name: 'acme/app', private: false },
  sender: githubUser(login),
});

/** As GitHub's "Webhook events and payloads" has `pull_request_review`; a review without words has its body null. */
export const githubReview =
  (state: string, action = 'submitted'): Saying =>
  ({ author = 'ada', id = 237895671, second, text }) => [
    'pull_request_review',
    {
      action,
      review: {
        id,
        node_id: 'MDE3OlB1bGxSZXF1ZXN0UmV2aWV3MjM3ODk1Njcx',
        user: githubUser(author),
        body: text === '' ? null : text,
        commit_id: sha,
        submitted_at: at(second),
        state,
        html_url: `${url}#pullrequestreview-${id}`,
        author_association: 'COLLABORATOR',
      },
      pull_request: githubRequest,
      ...githubRest(author),
    },
  ];

/** The same for `pull_request_review_comment`. */
export const githubLine: Saying = ({ author = 'ada', id = 284312630, second, text }) => [
  'pull_request_review_comment',
  {
    action: 'created',
    comment: {
      id,
      pull_request_review_id: 237895671,
      diff_hunk: '@@ -1 +1,5 @@\n-# app',
      path: 'src/total.ts',
      position: 5,
      commit_id: sha,
      original_commit_id: sha,
      user: githubUser(author),
      body: text,
      created_at: at(second),
      html_url: `${url}#discussion_r${id}`,
      line: 5,
      original_line: 5,
      side: 'RIGHT',
    },
    pull_request: githubRequest,
    ...githubRest(author),
  },
];

/** As GitLab's "Webhook events" has a comment on a merge request that is about a line. */
export const gitlabLine: Saying = ({ author = 'ada', id = 1244, second, text }) => [
  'Note Hook',
  {
    object_kind: 'note',
    event_type: 'note',
    user: { id: 1, name: 'Ada', username: author, email: '[REDACTED]' },
    project_id: 5,
    object_attributes: {
      id,
      internal: false,
      note: text,
      noteable_type: 'MergeRequest',
      author_id: 1,
      created_at: at(second),
      line_code: 'bec9703f7a456cd2b4ab5fb3220ae016e3e394e3_0_5',
      commit_id: '',
      noteable_id: 7,
      system: false,
      type: 'DiffNote',
      action: 'create',
      position: {
        base_sha: 'b'.repeat(40),
        start_sha: 'b'.repeat(40),
        head_sha: sha,
        old_path: 'src/total.ts',
        new_path: 'src/total.ts',
        position_type: 'text',
        old_line: null,
        new_line: 5,
        line_range: null,
      },
      url: `${url}#note_${id}`,
    },
    merge_request: { id: 7, iid: 1, source_branch: 'feat/x', target_branch: 'main', state: 'opened' },
  },
];

const giteaUser = (login: string) => ({ id: 2, login, login_name: '', full_name: '', email: `${login}@noreply.test` });

/**
 * As Gitea 1.26 sends what `PullRequestReview` of services/webhook/notifier.go says, by the header `X-Gitea-Event`: no id, and the
 * type with another name than the event.
 */
export const giteaReview =
  (verdict: 'approved' | 'rejected' | 'comment'): Saying =>
  ({ author = 'ada', second, text }) => [
    `pull_request_${verdict}`,
    {
      action: 'reviewed',
      number: 1,
      pull_request: {
        id: 3,
        url,
        number: 1,
        state: 'open',
        html_url: url,
        updated_at: at(second),
        head: { label: 'feat/x', ref: 'feat/x', sha },
        base: { label: 'main', ref: 'main' },
      },
      requested_reviewer: giteaUser(author),
      repository: { id: 1, full_name: 'acme/app' },
      sender: giteaUser(author),
      commit_id: '',
      review: { type: `pull_request_review_${verdict}`, content: text },
    },
  ];

/** A run of a workflow of GitHub's or Gitea's Actions, which sends the same. */
export const workflowRun = (conclusion: string | null, action = 'completed'): [string, object] => [
  'workflow_run',
  {
    action,
    workflow: { id: 'ci.yml', name: 'CI', path: '.github/workflows/ci.yml', state: 'active' },
    workflow_run: {
      id: 30433642,
      name: 'CI',
      path: '.github/workflows/ci.yml',
      head_branch: 'feat/x',
      head_sha: sha,
      event: 'push',
      status: action,
      conclusion,
      html_url: 'https://git.test/acme/app/actions/runs/30433642',
    },
    repository: { id: 1, full_name: 'acme/app' },
    sender: { login: 'ada', id: 1 },
  },
];

/** Everything of the forges by which a reviewer says something, and the place it is about. */
export const sayings: readonly (readonly [ForgeKind, string, Saying, place: string | null])[] = [
  ['github', 'a review that comments', githubReview('commented'), null],
  ['github', 'a review that approves', githubReview('approved'), null],
  ['github', 'a review that wants changes', githubReview('changes_requested'), null],
  ['github', 'a review comment', githubLine, 'src/total.ts:5'],
  ['gitlab', 'a comment on a line', gitlabLine, 'src/total.ts:5'],
  ['gitea', 'a review that comments', giteaReview('comment'), null],
  ['gitea', 'a review that approves', giteaReview('approved'), null],
  ['gitea', 'a review that wants changes', giteaReview('rejected'), null],
];
