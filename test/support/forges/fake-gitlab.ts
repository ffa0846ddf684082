import {
  branchIn,
  commentChanged,
  commented,
  duplicateOf,
  opened,
  textIn,
  type Call,
  type FakeRequest,
  type FakeState,
  type Reply,
  type Rules,
} from './fake-state.ts';

const failed = (status: number, message: unknown): Reply => ({ status, body: { message } });
const notFound = (what: string): Reply => failed(404, `404 ${what} Not Found`);
const draft = /^\s*(\[draft\]|\(draft\)|draft:)\s*/i;

/** GitLab's rules: docs.gitlab.com, "Merge requests API", "Notes API", "Members API", "Draft merge requests". */
export const gitLabRules: Rules = {
  prefix: '/api/v4',
  authenticate: (headers, tokens) => {
    const given = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? String(headers['private-token'] ?? '');
    return tokens[given] ?? failed(401, '401 Unauthorized');
  },
  answer: (state, call) => {
    if (call.path === '/user') return { status: 200, body: { id: idOf(call.login), username: call.login } };
    if (call.path === '/users') return { status: 200, body: usersNamed(state, call.query.get('username') ?? '') };
    const project = `/projects/${encodeURIComponent(state.repository)}`;
    if (call.path !== project && !call.path.startsWith(`${project}/`)) return notFound('Project');
    const rest = call.path.slice(project.length);
    if (rest === '') return { status: 200, body: { id: 1, default_branch: state.defaultBranch } };
    if (rest === '/members/all') return { status: 200, body: members(state, call.query.get('query') ?? '') };
    if (rest === '/protected_branches') {
      // Who may not administer the project is told no rules.
      const rules = state.protectedBranches.map((name, index) => ({ id: index + 1, name }));
      return state.members.includes(call.login) ? { status: 200, body: rules } : failed(403, '403 Forbidden');
    }
    const [, branch] = /^\/repository\/branches\/([^/]+)$/.exec(rest) ?? [];
    if (branch !== undefined) {
      const found = branchIn(state, decodeURIComponent(branch));
      return found === null ? notFound('Branch') : { status: 200, body: found };
    }
    return mergeRequests(state, call, rest) ?? notes(state, call, rest) ?? failed(404, '404 Not Found');
  },
};

function mergeRequests(state: FakeState, { body, login, method, query }: Call, rest: string): Reply | null {
  const [whole, iid] = /^\/merge_requests(?:\/(\d+))?$/.exec(rest) ?? [];
  if (whole === undefined) return null;
  if (iid === undefined && method === 'GET') {
    const found = state.requests.filter(
      (one) =>
        (query.get('state') !== 'opened' || one.state === 'open') &&
        (query.get('source_branch') === null || one.head === query.get('source_branch')) &&
        (query.get('target_branch') === null || one.base === query.get('target_branch')),
    );
    return { status: 200, body: found.map((one) => shown(state, one)) };
  }
  if (iid === undefined) return created(state, body, login);
  const request = state.requests.find((one) => one.number === Number(iid));
  if (request === undefined) return notFound('Merge Request');
  return changed(state, request, body, login);
}

function created(state: FakeState, body: Call['body'], author: string): Reply {
  // A field `draft` is none of this call's: only the title tells.
  const { source_branch: head, target_branch: base, title, description = '' } = body as Record<string, string>;
  if (!head || !base || !title) return failed(400, { error: 'title is missing' });
  if (title.length > 255) return failed(400, { title: ['is too long (maximum is 255 characters)'] });
  if (!state.hasBranch(head)) return failed(422, ['Source branch does not exist']);
  const there = duplicateOf(state, head, base);
  if (there !== undefined) {
    return failed(409, [`Another open merge request already exists for this source branch: !${there.number}`]);
  }
  const request = opened(state, { head, base, title, body: description, draft: false, author });
  return { status: 201, body: shown(state, request) };
}

function changed(state: FakeState, request: FakeRequest, body: Call['body'], login: string): Reply {
  const {
    add_labels: labels,
    description,
    reviewer_ids: ids,
    title,
  } = body as Record<string, string> & { reviewer_ids?: number[] };
  if (title !== undefined) {
    if (title.length > 255) return failed(400, { title: ['is too long (maximum is 255 characters)'] });
    if (draft.test(title) !== draft.test(request.title))
      commented(
        state,
        request,
        login,
        `marked this merge request as **${draft.test(title) ? 'draft' : 'ready'}**`,
        true,
      );
    request.title = title;
  }
  if (description !== undefined) request.body = description;
  if (labels !== undefined) request.labels = [...new Set([...request.labels, ...labels.split(',')])];
  // The list replaces the one before; numbers that are nobody's are passed over.
  if (ids !== undefined) request.reviewers = state.members.filter((name) => ids.includes(idOf(name)));
  return { status: 200, body: shown(state, request) };
}

function notes(state: FakeState, call: Call, rest: string): Reply | null {
  const { body, login, method, query } = call;
  const [, iid, id] = /^\/merge_requests\/(\d+)\/notes(?:\/(\d+))?$/.exec(rest) ?? [];
  const request = state.requests.find((one) => one.number === Number(iid));
  if (iid === undefined || request === undefined) return null;
  if (id === undefined && method === 'GET') {
    const found = state.comments.filter((one) => one.request === request.number);
    // Newest first, unless it is asked for otherwise.
    const ordered = query.get('sort') === 'asc' ? found : found.toReversed();
    return {
      status: 200,
      body: ordered.map((one) => ({
        id: one.id,
        body: one.body,
        system: one.system,
        author: { id: idOf(one.author), username: one.author },
      })),
    };
  }
  if (id === undefined) return commented(state, request, login, textIn(body));
  return commentChanged(state, id, call, { unknown: notFound('Note'), foreign: failed(403, '403 Forbidden') });
}

function members(state: FakeState, query: string) {
  const found = [...state.members, 'guest-ada'].filter((name) => name.includes(query));
  return found.map((name) => ({ id: idOf(name), username: name, access_level: name.startsWith('guest-') ? 10 : 30 }));
}

function usersNamed(state: FakeState, username: string) {
  return state.members.filter((name) => name === username).map((name) => ({ id: idOf(name), username: name }));
}

/** Any number will do, as long as it is always the same. */
function idOf(name: string): number {
  return Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) % 100_003, 7);
}

function shown(state: FakeState, request: FakeRequest) {
  return {
    id: 5000 + request.number,
    iid: request.number,
    web_url: `https://forge.test/${state.repository}/-/merge_requests/${request.number}`,
    title: request.title,
    description: request.body === '' ? null : request.body,
    state: request.state === 'open' ? 'opened' : 'closed',
    draft: draft.test(request.title),
    labels: request.labels,
    reviewers: request.reviewers.map((username) => ({ id: idOf(username), username })),
    source_branch: request.head,
    target_branch: request.base,
    source_project_id: request.from === state.repository ? 1 : 2,
    target_project_id: 1,
  };
}
