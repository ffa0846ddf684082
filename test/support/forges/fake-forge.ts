import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ForgeKind } from '../../../src/domain/forge.ts';
import { giteaRules } from './fake-gitea.ts';
import { gitHubRules } from './fake-github.ts';
import { gitLabRules } from './fake-gitlab.ts';
import type { Call, FakeState, Reply, Rules } from './fake-state.ts';

/** Decides what becomes of a call instead of an answer: nothing of it happens, or it happens and nobody hears of it. */
export type Trouble = (
  call: Pick<Call, 'method' | 'path'>,
  count: number,
) => Reply | 'lost before' | 'lost after' | null;

/** A forge that keeps the documented rules, on loopback. */
export interface FakeForge {
  readonly kind: ForgeKind;
  readonly url: string;
  state: FakeState;
  /** `METHOD path` of the calls, in order. */
  readonly calls: string[];
  trouble: Trouble;
  close(): Promise<void>;
}

const rules: Readonly<Record<ForgeKind, Rules>> = { github: gitHubRules, gitlab: gitLabRules, gitea: giteaRules };

/** Starts a forge with one repository; `token` belongs to `holdfast-bot`. */
export async function startFakeForge(
  kind: ForgeKind,
  options: { readonly token: string; readonly repository?: string; readonly hasBranch?: (name: string) => boolean },
): Promise<FakeForge> {
  const state: FakeState = {
    repository: options.repository ?? 'acme/app',
    defaultBranch: 'main',
    hasBranch: options.hasBranch ?? (() => true),
    protectedBranches: [],
    tokens: { [options.token]: 'holdfast-bot', 'token-of-eve': 'eve' },
    members: ['ada', 'holdfast-bot'],
    requests: [],
    comments: [],
    labels: ['bug'],
  };
  const forge: Omit<FakeForge, 'url'> & { url: string } = {
    kind,
    url: '',
    state,
    calls: [],
    trouble: () => null,
    close: async () => undefined,
  };
  const server = serve(rules[kind], forge);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  forge.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  forge.close = () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
  return forge;
}

function serve(own: Rules, forge: FakeForge): Server {
  return createServer(async (request, response) => {
    const sent = await text(request).catch(() => null);
    if (sent === null) return void response.destroy(); // Whoever sent it has been killed in the middle.
    const url = new URL(request.url ?? '/', forge.url);
    const method = request.method ?? 'GET';
    const call = { method, path: url.pathname };
    forge.calls.push(`${method} ${url.pathname}`);
    const trouble = forge.trouble(call, forge.calls.length);
    if (trouble === 'lost before') return void response.destroy();
    const body = sent === '' ? {} : (JSON.parse(sent) as Record<string, unknown>);
    const whole = { ...call, headers: request.headers, query: url.searchParams, body };
    const reply = typeof trouble === 'object' && trouble !== null ? trouble : replyTo(own, forge, whole);
    if (trouble === 'lost after') return void response.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
    response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
  });
}

function replyTo(own: Rules, { state, url }: FakeForge, call: Omit<Call, 'login'>): Reply {
  const login = own.authenticate(call.headers, state.tokens);
  if (typeof login !== 'string') return login;
  const isOurs = call.path.startsWith(own.prefix);
  const path = isOurs ? call.path.slice(own.prefix.length) : call.path;
  const reply = isOurs || call.path === '/api/graphql' ? own.answer(state, { ...call, path, login }) : { status: 404 };
  return Array.isArray(reply.body) ? paged(reply, `${url}${call.path}`, call.query) : reply;
}

/** A page of a list, with the Link header of RFC 8288 that all three forges send. */
function paged(reply: Reply, address: string, query: URLSearchParams): Reply {
  const size = Number(query.get('per_page') ?? query.get('limit') ?? 20);
  const page = Number(query.get('page') ?? 1);
  const items = reply.body as unknown[];
  const next = new URLSearchParams(query);
  next.set('page', String(page + 1));
  const link = page * size < items.length ? { link: `<${address}?${next.toString()}>; rel="next"` } : {};
  return { ...reply, body: items.slice((page - 1) * size, page * size), headers: { ...reply.headers, ...link } };
}
