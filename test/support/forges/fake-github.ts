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

const failed = (status: number, message: string, errors?: unknown): Reply => ({
  status,
  body: { message, ...(errors !== undefined && { errors }), documentation_url: 'https://docs.github.com/rest' },
});
const notFound = failed(404, 'Not Found');
const invalid = (message: string): Reply =>
  failed(422, 'Validation Failed', [{ resource: 'PullRequest', code: 'custom', message }]);
const MAX_BODY = 65_536;

/** GitHub's rules: docs.github.com, REST API 2022-11-28 ("Pulls", "Issues", "Collaborators") and GraphQL's `markPullRequestReadyForReview`. */
export const gitHubRules: Rules = {
  prefix: '/api/v3',
  authenticate: (headers, tokens) => {
    // A request without User-Agent is refused.
    if (!headers['user-agent']) return failed(403, 'Request forbidden by administrative rules.');
    const login = tokens[/^(?:Bearer|token) (.+)$/.exec(headers.authorization ?? '')?.[1] ?? ''];
    return login ?? failed(401, 'Bad credentials');
  },
  answer: (state, call) => {
    if (call.path === '/api/graphql') return graphql(state, call);
    if (call.path === '/user') return { status: 200, body: { login: call.login } };
    const below = `/repos/${state.repository}`;
    if (call.path.toLowerCase() !== below.toLowerCase() && !call.path.startsWith(`${below}/`)) return notFound;
    const rest = call.path.slice(below.length);
    if (rest === '') return { status: 200, body: { default_branch: state.defaultBranch } };
    const [, branch] = /^\/branches\/([^/]+)$/.exec(rest) ?? [];
    if (branch !== undefined) {
      const found = branchIn(state, decodeURIComponent(branch));
      return found === null ? failed(404, 'Branch not found') : { status: 200, body: found };
    }
    const [, collaborator] = /^\/collaborators\/([^/]+)\/permission$/.exec(rest) ?? [];
    if (collaborator !== undefined) return permission(state, collaborator);
    return pulls(state, call, rest) ?? issues(state, call, rest) ?? notFound;
  },
};

function pulls(state: FakeState, { body, login, method, query }: Call, rest: string): Reply | null {
  const [, number, part] = /^\/pulls(?:\/(\d+)(\/requested_reviewers)?)?$/.exec(rest) ?? [];
  if (!rest.startsWith('/pulls')) return null;
  if (number === undefined && method === 'GET')
    return { status: 200, body: listed(state, query).map((pull) => shown(state, pull)) };
  if (number === undefined) return created(state, body, login);
  const pull = state.requests.find((one) => one.number === Number(number));
  if (pull === undefined) return notFound;
  if (part !== undefined) return reviewed(state, pull, body);
  // Whether it is a draft cannot be changed here.
  if (typeof body['title'] === 'string') pull.title = body['title'];
  if (typeof body['body'] === 'string') pull.body = body['body'];
  return { status: 200, body: shown(state, pull) };
}

function listed(state: FakeState, query: URLSearchParams): FakeRequest[] {
  const head = query.get('head');
  // "Filter pulls by head user or head organization and branch name in the format of user:ref-name": any other value is passed over.
  const [, owner, branch] = /^([^:]+):(.+)$/.exec(head ?? '') ?? [];
  return state.requests.filter(
    (pull) =>
      (query.get('state') === 'all' || pull.state === 'open') &&
      (branch === undefined || (pull.head === branch && pull.from.split('/')[0] === owner)) &&
      (query.get('base') === null || pull.base === query.get('base')),
  );
}

function created(state: FakeState, body: Call['body'], author: string): Reply {
  const { head, base, title, body: text = '', draft = false } = body as Record<string, string> & { draft?: boolean };
  if (!head || !base || !title)
    return failed(422, 'Validation Failed', [{ resource: 'PullRequest', field: 'title', code: 'missing_field' }]);
  if (!state.hasBranch(head))
    return failed(422, 'Validation Failed', [{ resource: 'PullRequest', field: 'head', code: 'invalid' }]);
  if (duplicateOf(state, head, base)) {
    return invalid(`A pull request already exists for ${state.repository.split('/')[0]}:${head}.`);
  }
  if (text.length > MAX_BODY) return invalid('body is too long (maximum is 65536 characters)');
  const pull = opened(state, { head, base, title, body: text, draft: draft, author });
  return { status: 201, body: shown(state, pull) };
}

function reviewed(state: FakeState, pull: FakeRequest, body: Call['body']): Reply {
  const { reviewers = [] } = body as { reviewers?: string[] };
  if (reviewers.includes(pull.author)) return failed(422, 'Review cannot be requested from pull request author.');
  if (reviewers.some((login) => !state.members.includes(login))) {
    return failed(
      422,
      'Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator.',
    );
  }
  pull.reviewers = [...new Set([...pull.reviewers, ...reviewers])];
  return { status: 201, body: shown(state, pull) };
}

function issues(state: FakeState, call: Call, rest: string): Reply | null {
  const { body, login, method } = call;
  const [, number = '', part] = /^\/issues\/(\d+)\/(comments|labels)$/.exec(rest) ?? [];
  const [, id] = /^\/issues\/comments\/(\d+)$/.exec(rest) ?? [];
  const text = textIn(body);
  if (id !== undefined) {
    const foreign = failed(403, 'Resource not accessible by personal access token');
    return commentChanged(state, id, call, { unknown: notFound, foreign });
  }
  const request = state.requests.find((one) => one.number === Number(number));
  if (part === undefined || request === undefined) return null;
  if (part === 'labels') {
    request.labels = [...new Set([...request.labels, ...(body['labels'] as string[])])];
    return { status: 200, body: request.labels.map((name) => ({ name })) };
  }
  if (method === 'GET') {
    const said = state.comments.filter((one) => one.request === request.number);
    return { status: 200, body: said.map((one) => ({ id: one.id, body: one.body, user: { login: one.author } })) };
  }
  if (text.length > MAX_BODY) return invalid('Body is too long (maximum is 65536 characters)');
  return commented(state, request, login, text);
}

function graphql(state: FakeState, { body }: Call): Reply {
  const { query = '', variables = {} } = body as { query?: string; variables?: { id?: string } };
  const pull = state.requests.find((one) => nodeId(one) === variables.id);
  if (!/markPullRequestReadyForReview/.test(query))
    return { status: 200, body: { errors: [{ message: 'Parse error' }] } };
  if (pull === undefined) {
    const message = `Could not resolve to a node with the global id of '${variables.id}'.`;
    return { status: 200, body: { data: null, errors: [{ type: 'NOT_FOUND', message }] } };
  }
  pull.draft = false;
  return { status: 200, body: { data: { markPullRequestReadyForReview: { pullRequest: { isDraft: false } } } } };
}

function permission(state: FakeState, login: string): Reply {
  if (login === 'nobody') return notFound;
  return { status: 200, body: { permission: state.members.includes(login) ? 'write' : 'read' } };
}

function nodeId({ number }: FakeRequest): string {
  return `PR_kw${number}`;
}

function shown(state: FakeState, pull: FakeRequest) {
  return {
    number: pull.number,
    node_id: nodeId(pull),
    html_url: `https://forge.test/${state.repository}/pull/${pull.number}`,
    title: pull.title,
    body: pull.body === '' ? null : pull.body,
    draft: pull.draft,
    state: pull.state,
    labels: pull.labels.map((name) => ({ name })),
    requested_reviewers: pull.reviewers.map((login) => ({ login })),
    requested_teams: [],
    head: { ref: pull.head, repo: { full_name: pull.from } },
    base: { ref: pull.base },
  };
}
