import type { IncomingHttpHeaders } from 'node:http';

/** A request as the fake has it; `draft` is a field on GitHub alone, elsewhere it is in the title. */
export interface FakeRequest {
  readonly number: number;
  readonly head: string;
  readonly base: string;
  /** The repository of the head. */
  readonly from: string;
  readonly author: string;
  title: string;
  body: string;
  draft: boolean;
  state: 'open' | 'closed';
  labels: string[];
  reviewers: string[];
}

/** A comment, or what the forge itself noted. */
export interface FakeComment {
  readonly id: number;
  readonly request: number;
  readonly author: string;
  body: string;
  readonly system: boolean;
}

/** What a fake forge holds. */
export interface FakeState {
  readonly repository: string;
  readonly defaultBranch: string;
  /** Branches that have something to merge. */
  readonly hasBranch: (name: string) => boolean;
  /** Rules that protect branches: names, or beginnings of names with a `*` after them. */
  readonly protectedBranches: string[];
  /** Logins by token. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Who may push; they can be asked for a review as well. */
  readonly members: readonly string[];
  readonly requests: FakeRequest[];
  readonly comments: FakeComment[];
  /** Labels that the repository knows. */
  readonly labels: string[];
}

/** A call as it reached the forge. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  /** Who calls. */
  readonly login: string;
}

/** What a forge answers; a list is cut into pages by its rules. */
export interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The rules of a forge, as its documentation has them. */
export interface Rules {
  readonly prefix: string;
  /** The login, or why there is none. */
  readonly authenticate: (headers: IncomingHttpHeaders, tokens: FakeState['tokens']) => string | Reply;
  readonly answer: (state: FakeState, call: Call) => Reply;
}

/** The open request for a merge within the repository, of which there can be only one. */
export function duplicateOf({ repository, requests }: FakeState, head: string, base: string): FakeRequest | undefined {
  return requests.find(
    (one) => one.state === 'open' && one.head === head && one.base === base && one.from === repository,
  );
}

/** Opens a request of the repository's own. */
export function opened(
  state: FakeState,
  fields: Pick<FakeRequest, 'head' | 'base' | 'title' | 'body' | 'draft' | 'author'>,
): FakeRequest {
  const number = nextId(state.requests);
  const request: FakeRequest = { ...fields, number, from: state.repository, state: 'open', labels: [], reviewers: [] };
  state.requests.push(request);
  return request;
}

/** Adds a comment, or what the forge itself notes. */
export function commented(state: FakeState, request: FakeRequest, author: string, body: string, system = false): Reply {
  state.comments.push({ id: nextId(state.comments), request: request.number, author, body, system });
  return { status: 201, body: {} };
}

/** Edits or deletes a comment, which only its author may. */
export function commentChanged(
  { comments }: FakeState,
  id: string,
  { body, login, method }: Call,
  refusals: { readonly unknown: Reply; readonly foreign: Reply },
): Reply {
  const index = comments.findIndex((one) => one.id === Number(id));
  const comment = comments[index];
  if (comment === undefined) return refusals.unknown;
  if (comment.author !== login) return refusals.foreign;
  if (method === 'DELETE') {
    comments.splice(index, 1);
    return { status: 204 };
  }
  comment.body = textIn(body);
  return { status: 200, body: { id: comment.id } };
}

/** What is said of a branch that is there; null for another. */
export function branchIn({ hasBranch, protectedBranches }: FakeState, name: string) {
  if (!hasBranch(name)) return null;
  const isMatch = (rule: string) => (rule.endsWith('*') ? name.startsWith(rule.slice(0, -1)) : name === rule);
  return { name, protected: protectedBranches.some(isMatch) };
}

/** The text of a comment. */
export function textIn({ body }: Call['body']): string {
  return typeof body === 'string' ? body : '';
}

function nextId(items: readonly { readonly number?: number; readonly id?: number }[]): number {
  return Math.max(0, ...items.map(({ number, id }) => number ?? id ?? 0)) + 1;
}
