import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import { HoldfastError } from '../domain/failure.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { checkWaivers } from './contract-routes.ts';
import { faultsOf, invalid, refuseInvalid } from './errors.ts';
import { defined, isLive, openSession } from './open-session.ts';
import { unpriced } from './model-intake.ts';
import { mayChooseBranch } from './resumption.ts';
import * as schemas from './schemas.ts';
import {
  bodySha256,
  faultsOfParts,
  needsWebhookSecret,
  takeIn,
  type IntakeChecks,
  type TaskDefaults,
} from './session-intake.ts';
import type { Sessions, Told } from './session-manager.ts';
import { begin, removeRecords, TENANT } from './session-start.ts';
import { givenSecrets } from './source-credentials.ts';
import { preflightView, sessionView } from './session-view.ts';

const PREFLIGHT_WAIT_MS = 60_000;
const END_MS = 10_000;

/** What the routes of sessions work with. */
export interface SessionRouteDeps {
  readonly store: Store;
  readonly sessions: Sessions;
  readonly defaults: TaskDefaults;
  readonly checks: IntakeChecks;
  /** Removes what a worker of this machine holds of a session. */
  readonly removeWorkspace: (id: string) => Promise<void>;
  /** Removes the branch that a failed session has left on its remote, where that is wanted and the remote lets us. */
  readonly removeBranch: (id: string) => Promise<void>;
}

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } });
const fails = { ...json(schemas.ErrorAnswer), description: 'What is wrong, and what to do about it' };
const gives = <T extends z.ZodType>(schema: T, description: string) => ({
  ...json(schemas.answer(schema)),
  description,
});
const body = <T extends z.ZodType>(schema: T, required = false) => ({ body: { ...json(schema), required } });
const ok = <T>(data: T) => ({ success: true as const, data });

/** The routes below `/api/sessions` that change something or show sessions. */
export function sessionRoutes(deps: SessionRouteDeps): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  addCreate(app, deps);
  addPreflight(app, deps);
  addExecute(app, deps);
  addReading(app, deps);
  addControl(app, deps);
  addDelete(app, deps);
  return app;
}

function addCreate(app: OpenAPIHono, { store, sessions, defaults, checks }: SessionRouteDeps): void {
  const route = createRoute({
    method: 'post',
    path: '/',
    summary: 'Create a session',
    request: { ...body(schemas.CreateSession, true), headers: schemas.IdempotencyHeader },
    responses: { 201: gives(schemas.Created, 'Accepted and durable'), default: fails },
  });
  const refuseBody = async (body: Promise<unknown>, error: z.ZodError): Promise<never> => {
    throw invalid([...faultsOf(error), ...faultsOfParts(await body, defaults, checks)]);
  };
  app.openapi(
    route,
    async (c) => {
      const request = c.req.valid('json');
      const key = c.req.valid('header')['idempotency-key'];
      const idempotency = key === undefined ? null : { key, bodySha256: bodySha256(request) };
      const { session, created } = await begin({ store, sessions }, idempotency, async () => {
        const { id, task, secrets } = await takeIn(request, defaults, checks);
        return {
          id,
          task,
          secrets: secrets.map(([name, value]) => store.secrets.seal({ tenant: TENANT, id }, name, value)),
        };
      });
      const { id: sessionId, createdAt } = session;
      if (!created) c.header('Idempotent-Replay', 'true');
      // A replay is the first answer, secret and all: the first one may never have arrived, and nobody else could tell it.
      const made = needsWebhookSecret(request) ? await store.secrets.get(sessionId, 'webhook.secret') : undefined;
      const secret = made === undefined ? {} : { webhookSecret: made };
      return c.json(ok({ sessionId, state: 'INIT' as const, createdAt, ...secret }), 201);
    },
    (result, c) => {
      if (!result.success && result.target === 'json') return refuseBody(c.req.json(), result.error);
      refuseInvalid(result);
      return undefined;
    },
  );
}

function addPreflight(app: OpenAPIHono, { store, sessions }: SessionRouteDeps): void {
  const route = createRoute({
    method: 'post',
    path: '/{id}/preflight',
    summary: 'Write the contract the first time, check it again afterwards',
    request: { params: schemas.SessionPath, query: schemas.PreflightQuery, ...body(schemas.PreflightBody) },
    responses: {
      200: gives(schemas.PreflightAnswer, 'Checked'),
      202: gives(schemas.PreflightAnswer, 'Not checked yet, or paused: see the message'),
      default: fails,
    },
  });
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    await store.secrets.learn(id);
    const message = store.known.values(id).json(defined(c.req.valid('json')));
    const { waitMs = PREFLIGHT_WAIT_MS } = c.req.valid('query');
    const opened = await openSession(store, id);
    checkWaivers(opened.contract, message.waive ?? []);
    const told = await sessions.supplyInfo(opened, message, waitMs);
    const session = await store.sessions.get(id);
    const checked = told.kind === 'answered' && told.view.state !== 'PAUSED';
    return checked ? c.json(ok(preflightView(session, true)), 200) : c.json(ok(preflightView(session, false)), 202);
  });
}

function addExecute(app: OpenAPIHono, { store, sessions }: SessionRouteDeps): void {
  const route = createRoute({
    method: 'post',
    path: '/{id}/execute',
    summary: 'Freeze the contract and start',
    request: { params: schemas.SessionPath, ...body(schemas.ExecuteBody) },
    responses: {
      200: gives(schemas.Executed, 'Frozen and started'),
      202: gives(schemas.SessionAnswer, 'Left for a worker'),
      default: fails,
    },
  });
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { requestId } = c.req.valid('json');
    await sessions.execute(await openSession(store, id), requestId === undefined ? {} : { requestId });
    const session = await store.sessions.get(id);
    if (session.frozen === null) return c.json(ok(await view(store, session)), 202);
    const { digest, createdAt, filesFrozen, toolsWhitelisted } = session.frozen;
    const snapshot = { digest, createdAt, filesFrozen, toolsWhitelisted: [...toolsWhitelisted] };
    return c.json(ok({ message: 'Frozen; the work has started', sessionId: id, snapshot }), 200);
  });
}

function addReading(app: OpenAPIHono, { store }: SessionRouteDeps): void {
  const get = createRoute({
    method: 'get',
    path: '/{id}',
    summary: 'Read a session',
    request: { params: schemas.SessionPath },
    responses: { 200: gives(schemas.SessionAnswer, 'The session'), default: fails },
  });
  app.openapi(get, async (c) => c.json(ok(await view(store, await store.sessions.get(c.req.valid('param').id))), 200));
  const list = createRoute({
    method: 'get',
    path: '/',
    summary: 'List sessions, newest first',
    request: { query: schemas.ListQuery },
    responses: { 200: gives(schemas.SessionList, 'A page of sessions'), default: fails },
  });
  app.openapi(list, async (c) => {
    const { repo, cursor, limit = 20, ...filter } = c.req.valid('query');
    const after = cursor === undefined ? undefined : decodeCursor(cursor);
    const found = await store.sessions.list({ tenant: TENANT, ...filter, repository: repo, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = found.length > limit && last !== undefined ? encodeCursor(last) : null;
    return c.json(ok({ items: await Promise.all(page.map((session) => view(store, session))), nextCursor }), 200);
  });
}

function addControl(app: OpenAPIHono, { store, sessions, checks }: SessionRouteDeps): void {
  const responses = { 202: gives(schemas.SessionAnswer, 'Taken'), default: fails };
  const control = <T extends z.ZodType>(name: string, summary: string, schema: T) =>
    createRoute({
      method: 'post',
      path: `/{id}/${name}`,
      summary,
      request: { params: schemas.SessionPath, ...body(schema) },
      responses,
    });
  app.openapi(control('pause', 'Wait between two turns', schemas.ReasonBody), async (c) => {
    const { id } = c.req.valid('param');
    await sessions.pause(await openSession(store, id), defined(c.req.valid('json')));
    return c.json(ok(await view(store, await store.sessions.get(id))), 202);
  });
  app.openapi(control('resume', 'Go on, with higher limits or another key if given', schemas.ResumeBody), async (c) => {
    const { id } = c.req.valid('param');
    const { branch, credentials = {}, limits, requestId } = c.req.valid('json');
    const session = await openSession(store, id);
    if (limits?.maxCostUsd !== undefined && !checks.isPriced(session.task.model)) {
      throw invalid([unpriced]);
    }
    if (branch !== undefined && !mayChooseBranch(session)) {
      throw invalid([
        { path: 'branch', message: 'only for a session that is paused because it cannot push to its own' },
      ]);
    }
    for (const [name, value] of givenSecrets(credentials)) await store.secrets.put(id, name, value);
    if (branch !== undefined) await store.sessions.setDeliveryBranch(id, branch);
    await sessions.resume(session, defined({ requestId, limits: limits && defined(limits) }));
    return c.json(ok(await view(store, await store.sessions.get(id))), 202);
  });
  app.openapi(control('abort', 'End the session; the work is kept', schemas.ReasonBody), async (c) => {
    const { id } = c.req.valid('param');
    const session = await store.sessions.get(id);
    if (isLive(session)) await unlessClosed(sessions.abort(session, defined(c.req.valid('json'))));
    return c.json(ok(await view(store, await store.sessions.get(id))), 202);
  });
}

function addDelete(app: OpenAPIHono, { store, sessions, removeBranch, removeWorkspace }: SessionRouteDeps): void {
  const route = createRoute({
    method: 'delete',
    path: '/{id}',
    summary: 'Abort if need be, then remove everything',
    request: { params: schemas.SessionPath },
    responses: { 204: { description: 'Removed, now or before' }, default: fails },
  });
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const session = await store.sessions.find(id);
    if (session === undefined) {
      await store.blobs.sweep(); // What a deletion left that was killed.
      return c.body(null, 204);
    }
    if (isLive(session)) await unlessClosed(sessions.abort(session, { reason: 'The session is deleted.' }));
    if (!(await sessions.untilEnded(id, END_MS))) await sessions.terminate(id);
    await removeBranch(id);
    await removeWorkspace(id); // First: without its record nobody would know of a work tree that is left.
    await removeRecords(store, id);
    return c.body(null, 204);
  });
}

async function unlessClosed(telling: Promise<Told>): Promise<void> {
  await telling.catch((error: unknown) => {
    if (!(error instanceof HoldfastError) || error.code !== 'SESSION_CLOSED') throw error;
  });
}

async function view(store: Store, session: SessionRecord) {
  return sessionView(session, await store.journal.usage(session.id));
}
