import { Client, Connection } from '@temporalio/client';
import type { OpenAPIHono } from '@hono/zod-openapi';
import { onTestFinished } from 'vitest';
import { isPriced } from '../../src/model/catalogue.ts';
import { createApp, type AppDeps } from '../../src/api/app.ts';
import { SessionManager } from '../../src/api/session-manager.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { StandInSessions, type Reaction } from './stand-in-sessions.ts';

/** The API on a real store, with a Temporal that is away unless a test brings its own `sessions`. */
export function api(changes: Partial<AppDeps> | ((store: Store) => Partial<AppDeps>) = {}): {
  app: OpenAPIHono;
  store: Store;
  call: (method: string, path: string, options?: RequestInit) => Promise<Response>;
} {
  const store = openStore({ directory: temporaryDirectory() });
  const connection = Connection.lazy({ address: '127.0.0.1:1', connectTimeout: 200 });
  onTestFinished(async () => {
    await connection.close();
    store.close();
  });
  const defaults = {
    taskQueue: 'q',
    patience: { tries: 1, backoffMs: 10 },
    webhook: { retries: 0, backoffMs: 10 },
    maxHistoryEvents: 100,
  };
  const app = createApp({
    store,
    sessions: new SessionManager({ client: new Client({ connection }), store, defaults, callMs: 300 }),
    defaults: {
      model: { provider: 'anthropic', id: 'm', thinkingLevel: 'off' },
      limits: { maxSteps: 5, maxIterations: 1 },
      preflightTimeoutMs: 1000,
    },
    checks: {
      checkSource: (source) => source,
      probeSource: async () => undefined,
      checkWebhookUrl: () => undefined,
      mayBeAt: () => true,
      isPriced,
    },
    removeWorkspace: async () => undefined,
    removeBranch: async () => undefined,
    apiKeys: () => [],
    version: '0.0.0',
    sandbox: 'bwrap',
    log: { error: () => undefined },
    codec: null,
    forges: { secrets: () => [], command: '/holdfast', mayPush: async () => false },
    reaper: {
      reap: async () => ({
        items: [],
        total: 0,
        sessions: [],
        expired: [],
        orphanedBlobs: 0,
        kept: [],
        branches: [],
        forgeDeliveries: 0,
        removed: false,
      }),
    },
    ...(typeof changes === 'function' ? changes(store) : changes),
  });
  const call = async (method: string, path: string, options: RequestInit = {}) => {
    const headers = new Headers(options.headers);
    if (!headers.has('host')) headers.set('host', 'localhost:8420');
    if (method === 'POST' && !headers.has('content-type')) headers.set('content-type', 'application/json');
    return app.request(path, { method, ...options, headers });
  };
  return { app, store, call };
}

/** The API with a Temporal's side that answers, and what was sent to it. */
export function workingApi(
  reactions: (store: Store) => Readonly<Record<string, Reaction>> = () => ({}),
  changes: Partial<AppDeps> = {},
): ReturnType<typeof api> & { temporal: StandInSessions } {
  let temporal: StandInSessions | undefined;
  const made = api((store) => ({ sessions: (temporal = new StandInSessions(store, reactions(store))), ...changes }));
  if (temporal === undefined) throw new Error('the app was made without its sessions');
  return { ...made, temporal };
}
