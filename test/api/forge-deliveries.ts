import { createHmac } from 'node:crypto';
import type { ForgeKind } from '../../src/domain/forge.ts';

/** What a forge sends: headers and body. */
export interface ForgeDelivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Something that is told of a request. */
export interface Told {
  readonly url: string;
  readonly id?: number;
  readonly author?: string;
  readonly text?: string;
  readonly sha?: string;
}

/** By what a delivery is known and believed. */
export interface Envelope {
  readonly id: string;
  readonly secret: string;
}

type Payloads = Readonly<Record<'comment' | 'check' | 'passed' | 'closed' | 'push', (told: Told) => [string, object]>>;

const said = ({ author = 'ada', id = 7, text = '', url }: Told, type = 'User') => {
  return { id, body: text, html_url: `${url}#issuecomment-${id}`, user: { login: author, type } };
};
const suite = (conclusion: string, sha = '') => ({
  action: 'completed',
  check_suite: { head_sha: sha, conclusion, app: { name: 'ci' } },
});

/** As the documentation of each forge has them, cut down to what is read. */
const payloads: Readonly<Record<ForgeKind, Payloads>> = {
  github: {
    comment: (told) => [
      'issue_comment',
      { action: 'created', comment: said(told), issue: { html_url: told.url, pull_request: { url: 'https://api' } } },
    ],
    check: ({ sha }) => ['check_suite', suite('failure', sha)],
    passed: ({ sha }) => ['check_suite', suite('success', sha)],
    closed: ({ url }) => ['pull_request', { action: 'closed', pull_request: { html_url: url } }],
    push: () => ['push', { ref: 'refs/heads/main' }],
  },
  gitlab: {
    comment: ({ author = 'ada', id = 7, text = '', url }) => [
      'Note Hook',
      {
        user: { username: author },
        object_attributes: {
          id,
          note: text,
          noteable_type: 'MergeRequest',
          action: 'create',
          url: `${url}#note_${id}`,
        },
      },
    ],
    check: ({ sha, url }) => ['Pipeline Hook', { object_attributes: { status: 'failed', sha, url: `${url}/p` } }],
    passed: ({ sha, url }) => ['Pipeline Hook', { object_attributes: { status: 'success', sha, url: `${url}/p` } }],
    closed: ({ url }) => ['Merge Request Hook', { object_attributes: { action: 'merge', url } }],
    push: () => ['Push Hook', { ref: 'refs/heads/main' }],
  },
  gitea: {
    comment: (told) => [
      'issue_comment',
      { action: 'created', is_pull: true, comment: said(told), issue: { html_url: told.url, pull_request: {} } },
    ],
    check: ({ sha }) => ['status', { sha, state: 'failure', context: 'ci/build', target_url: '' }],
    passed: ({ sha }) => ['status', { sha, state: 'success', context: 'ci/build', target_url: '' }],
    closed: ({ url }) => ['pull_request', { action: 'closed', pull_request: { html_url: url } }],
    push: () => ['push', { ref: 'refs/heads/main' }],
  },
};

/** A delivery of one of these payloads. */
export function deliveryOf(kind: ForgeKind, what: keyof Payloads, told: Told, envelope: Envelope): ForgeDelivery {
  return signedDelivery(kind, payloads[kind][what](told), envelope);
}

/** A delivery as the forge would sign and send it. */
export function signedDelivery(
  kind: ForgeKind,
  [event, payload]: readonly [string, object],
  { id, secret }: Envelope,
): ForgeDelivery {
  const body = JSON.stringify(payload);
  const signature = createHmac('sha256', secret).update(body).digest('hex');
  const signed: Readonly<Record<ForgeKind, Readonly<Record<string, string>>>> = {
    github: { 'x-hub-signature-256': `sha256=${signature}`, 'x-github-delivery': id },
    gitlab: { 'x-gitlab-token': secret, 'idempotency-key': id, 'x-gitlab-event-uuid': 'any' },
    gitea: { 'x-gitea-signature': signature, 'x-hub-signature-256': `sha256=${signature}`, 'x-gitea-delivery': id },
  };
  return { headers: { ...signed[kind], [`x-${kind}-event`]: event, 'content-type': 'application/json' }, body };
}
