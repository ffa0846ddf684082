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

const failed = (status: number, message: string): Reply => ({
  status,
  body: { message, url: 'https://forge.test/api/swagger' },
});
const notFound: Reply = {
  status: 404,
  body: { errors: null, message: 'not found', url: 'https://forge.test/api/swagger' },
};
const wip = /^\s*(wip:|\[wip\])/i;

/** Gitea's rules, as version 1.26 was seen to keep them and its API description has them. */
export const giteaRules: Rules = {
  prefix: '/api/v1',
  authenticate: (headers, tokens) => {
    const login = tokens[/^(?:token|Bearer) (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''];
    return login ?? failed(401, 'user does not exist [uid: 0, name: ]');
  },
  answer: (state, call) => {
    if (call.path === '/user') return { status: 200, body: { id: 1, login: call.login } };
    if (call.path === `/orgs/${state.repository.split('/')[0]}/labels`) return notFound;
    const below = `/repos/${state.repository}`;
    if (call.path !== below && !call.path.startsWith(`${below}/`)) return notFound;
    const rest = call.path.slice(below.length);
    if (rest === '') return { status: 200, body: { default_branch: state.defaultBranch } };
    const [, branch] = /^\/branches\/([^/]+)$/.exec(rest) ?? [];
    if (branch !== undefined) {
      const found = branchIn(state, decodeURIComponent(branch));
      return found === null ? notFound : { status: 200, body: found };
    }
    const [, collaborator] = /^\/collaborators\/([^/]+)\/permission$/.exec(rest) ?? [];
    if (collaborator !== undefined) {
      const permission = state.members.includes(collaborator) ? 'write' : 'read';
      return collaborator === 'nobody' ? notFound : { status: 200, body: { permission } };
    }
    return labels(state, call, rest) ?? pulls(state, call, rest) ?? comments(state, call, rest) ?? notFound;
  },
};

function labels(state: FakeState, { body, method }: Call, rest: string): Reply | null {
  const known = () => state.labels.map((name, index) => ({ id: index + 1, name }));
  if (rest === '/labels' && method === 'GET') return { status: 200, body: known() };
  if (rest === '/labels') {
    if (!/^#[0-9a-f]{6}$/.test(String(body['color']))) return failed(422, 'color is invalid');
    state.labels.push(String(body['name']));
    return { status: 201, body: known().at(-1) };
  }
  const [, number] = /^\/issues\/(\d+)\/labels$/.exec(rest) ?? [];
  const request = state.requests.find((one) => one.number === Number(number));
  if (number === undefined || request === undefined) return null;
  const ids = body['labels'] as unknown[];
  if (ids.some((id) => typeof id !== 'number')) return failed(422, 'labels should be numbers');
  const names = known().filter(({ id }) => ids.includes(id));
  request.labels = [...new Set([...request.labels, ...names.map(({ name }) => name)])];
  return { status: 200, body: [] };
}

function pulls(state: FakeState, { body, login, method, query }: Call, rest: string): Reply | null {
  const [whole, number, part] = /^\/pulls(?:\/(\d+)(\/requested_reviewers)?)?$/.exec(rest) ?? [];
  if (whole === undefined) return null;
  if (number === undefined && method === 'GET') {
    // A filter by head is passed over; no more than 50 come at once.
    if (Number(query.get('limit') ?? 30) > 50) query.set('limit', '50');
    const found = state.requests.filter((one) => query.get('state') === 'all' || one.state === 'open');
    return {
      status: 200,
      body: found.map((one) => shown(state, one)),
      headers: { 'x-total-count': String(found.length) },
    };
  }
  if (number === undefined) return created(state, body, login);
  const request = state.requests.find((one) => one.number === Number(number));
  if (request === undefined) return notFound;
  if (part === undefined) {
    if (typeof body['title'] === 'string') request.title = body['title'];
    if (typeof body['body'] === 'string') request.body = body['body'];
    return { status: 201, body: shown(state, request) };
  }
  const { reviewers = [] } = body as { reviewers?: string[] };
  const unknown = reviewers.find((name) => !state.members.includes(name));
  if (unknown !== undefined) return failed(404, `user does not exist [uid: 0, name: ${unknown}]`);
  request.reviewers = [...new Set([...request.reviewers, ...reviewers])];
  return { status: 201, body: [] };
}

function created(state: FakeState, body: Call['body'], author: string): Reply {
  const { head, base, title, body: text = '' } = body as Record<string, string>;
  if (!head || !base || !title) return failed(422, '[Title]: Required');
  if (!state.hasBranch(head)) return notFound;
  if (duplicateOf(state, head, base)) {
    return failed(
      409,
      `pull request already exists for these targets [id: 1, issue_id: 1, head_repo_id: 1, base_repo_id: 1, head_branch: ${head}, base_branch: ${base}]`,
    );
  }
  const request = opened(state, { head, base, title, body: text, draft: false, author });
  return { status: 201, body: shown(state, request) };
}

function comments(state: FakeState, call: Call, rest: string): Reply | null {
  const { body, login, method, query } = call;
  const [, number] = /^\/issues\/(\d+)\/comments$/.exec(rest) ?? [];
  const [, id] = /^\/issues\/comments\/(\d+)$/.exec(rest) ?? [];
  const text = textIn(body);
  if (id !== undefined) {
    const foreign = failed(403, 'Only the author can edit a comment');
    return commentChanged(state, id, call, { unknown: notFound, foreign });
  }
  const request = state.requests.find((one) => one.number === Number(number));
  if (number === undefined || request === undefined) return null;
  if (method === 'POST') return commented(state, request, login, text);
  // This list has no pages: all of it comes at once.
  query.set('limit', '1000000');
  const said = state.comments.filter((one) => one.request === request.number);
  return { status: 200, body: said.map((one) => ({ id: one.id, body: one.body, user: { login: one.author } })) };
}

function shown(state: FakeState, request: FakeRequest) {
  return {
    id: 100 + request.number,
    number: request.number,
    html_url: `https://forge.test/${state.repository}/pulls/${request.number}`,
    title: request.title,
    body: request.body,
    draft: wip.test(request.title),
    state: request.state,
    labels: request.labels.map((name) => ({ id: state.labels.indexOf(name) + 1, name })),
    requested_reviewers: request.reviewers.map((login) => ({ login })),
    requested_reviewers_teams: null,
    head: { label: request.head, ref: request.head, repo: { full_name: request.from } },
    base: { label: request.base, ref: request.base },
  };
}
