import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import { HoldfastError } from '../domain/failure.ts';
import type { Store } from '../store/store.ts';
import { decodeTurn, encodeTurn } from './cursor.ts';
import { invalid, refuseInvalid } from './errors.ts';
import { CheckpointList, CheckpointQuery } from './fork-schemas.ts';
import * as schemas from './schemas.ts';
import { bundleOf } from './session-bundle.ts';

const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema: schemas.answer(schema) } },
  description: 'The document',
});
const fails = {
  content: { 'application/json': { schema: schemas.ErrorAnswer } },
  description: 'What is wrong, and what to do about it',
};
const ok = <T>(data: T) => ({ success: true as const, data });

/** The routes below `/api/sessions/{id}` that show what a session has produced. */
export function documentRoutes(store: Store): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  addAgreement(app, store);
  addEvents(app, store);
  addCheckpoints(app, store);
  addTexts(app, store);
  addArtifacts(app, store);
  return app;
}

function document<P extends string, T extends z.ZodType>(path: P, summary: string, schema: T) {
  return createRoute({
    method: 'get',
    path,
    summary,
    request: { params: schemas.SessionPath },
    responses: { 200: json(schema), default: fails },
  });
}

function addAgreement(app: OpenAPIHono, store: Store): void {
  app.openapi(document('/{id}/contract', 'The contract, item by item', schemas.ContractAnswer), async (c) => {
    const { contract } = await store.sessions.get(c.req.valid('param').id);
    if (contract === null) throw notYet('contract');
    return c.json(ok(contract), 200);
  });
  app.openapi(document('/{id}/snapshot', 'The frozen snapshot', schemas.Anything), async (c) => {
    const { frozen } = await store.sessions.get(c.req.valid('param').id);
    if (frozen === null) throw notYet('snapshot');
    const snapshot = JSON.parse((await store.blobs.get(frozen.digest)).toString('utf8')) as Record<string, unknown>;
    return c.json(ok({ digest: frozen.digest, snapshot }), 200);
  });
}

function addEvents(app: OpenAPIHono, store: Store): void {
  const route = createRoute({
    method: 'get',
    path: '/{id}/events',
    summary: 'The events after a sequence number, in order',
    request: { params: schemas.SessionPath, query: schemas.EventsQuery },
    responses: { 200: json(schemas.EventList), default: fails },
  });
  app.openapi(route, async (c) => {
    const { id } = c.req.valid('param');
    const { afterSeq = 0, limit = 1000 } = c.req.valid('query');
    await store.sessions.get(id);
    const items = await store.events.list(id, afterSeq, limit);
    return c.json(ok({ items: items.map((event) => ({ ...event, data: { ...event.data } })) }), 200);
  });
}

function addCheckpoints(app: OpenAPIHono, store: Store): void {
  const route = createRoute({
    method: 'get',
    path: '/{id}/checkpoints',
    summary: 'The checkpoints, newest first: what a fork can start from',
    request: { params: schemas.SessionPath, query: CheckpointQuery },
    responses: { 200: json(CheckpointList), default: fails },
  });
  app.openapi(route, async (c) => {
    const { cursor, limit = 20 } = c.req.valid('query');
    const { id } = await store.sessions.get(c.req.valid('param').id);
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeTurn(cursor);
    const found = await store.journal.checkpoints(id, { before, limit: limit + 1 });
    const page = found.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = found.length > limit && last !== undefined ? encodeTurn(last.turn) : null;
    const items = page.map(({ turn, seq, tree, usage, at }) => ({ turn, seq, tree, usage: { ...usage }, at }));
    return c.json(ok({ items, nextCursor }), 200);
  });
}

function addTexts(app: OpenAPIHono, store: Store): void {
  app.get('/:id/diff', async (c) => {
    const { bytes } = await artifact(store, c.req.param('id'), 'diff.patch');
    return c.body(new Uint8Array(bytes), 200, { 'content-type': 'text/x-diff; charset=utf-8' });
  });
  app.get('/:id/report', async (c) => {
    const markdown = c.req.header('accept')?.includes('text/markdown') === true;
    const { bytes } = await artifact(store, c.req.param('id'), markdown ? 'report.md' : 'report.json');
    if (markdown) return c.body(new Uint8Array(bytes), 200, { 'content-type': 'text/markdown; charset=utf-8' });
    return c.json(ok(JSON.parse(bytes.toString('utf8'))), 200);
  });
  app.get('/:id/transcript', async (c) => {
    const { id } = await store.sessions.get(c.req.param('id'));
    if (![undefined, 'jsonl'].includes(c.req.query('format')))
      throw invalid([{ path: 'format', message: 'must be jsonl; html is not available in this version' }]);
    const task = c.req.query('task');
    const entries = await store.journal.transcript(id, task);
    if (task !== undefined && entries.length === 0)
      throw new HoldfastError('ARTIFACT_NOT_FOUND', `Session ${id} has no sub-agent ${task}.`);
    const recorded = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    const text = (await store.redactorOf(id)).text(recorded); // What the model wrote is on record as it wrote it.
    return c.body(text, 200, { 'content-type': 'application/jsonl; charset=utf-8' });
  });
  app.get('/:id/bundle', async (c) => {
    const { id } = await store.sessions.get(c.req.param('id'));
    const { bytes, size } = await bundleOf(store, id);
    return c.body(ReadableStream.from(bytes), 200, {
      'content-type': 'application/x-tar',
      'content-length': String(size),
      'content-disposition': `attachment; filename="${id}.tar"`,
    });
  });
  for (const [path, description, query] of [
    ['bundle', 'Everything of the session as a tar archive with a manifest; `holdfast verify-bundle` checks it', {}],
    ['diff', 'The change as a patch for git apply', {}],
    ['report', 'The report; Markdown with Accept: text/markdown', {}],
    ['transcript', 'The transcript as a pi session file', { query: schemas.TranscriptQuery }],
  ] as const) {
    const responses = { 200: { description }, default: fails };
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: `/{id}/${path}`,
      summary: description,
      request: { params: schemas.SessionPath, ...query },
      responses,
    });
  }
}

function addArtifacts(app: OpenAPIHono, store: Store): void {
  app.openapi(document('/{id}/artifacts', 'What the session leaves behind', schemas.ArtifactList), async (c) => {
    const { id } = await store.sessions.get(c.req.valid('param').id);
    return c.json(ok({ items: (await store.artifacts.list(id)).map((item) => ({ ...item })) }), 200);
  });
  // Names of artifacts have slashes: `checks/round-0-1.log`.
  app.get('/:id/artifacts/:name{.+}', async (c) => {
    const { artifact: found, bytes } = await artifact(store, c.req.param('id'), c.req.param('name'));
    const digest = Buffer.from(found.blob.slice('sha256:'.length), 'hex').toString('base64');
    const headers = {
      'content-type': found.mediaType,
      digest: `sha-256=${digest}`,
      'content-disposition': 'attachment',
    };
    return c.body(new Uint8Array(bytes), 200, headers);
  });
  const request = { params: schemas.ArtifactPath };
  const responses = { 200: { description: 'Its bytes, with their SHA-256 as Digest' }, default: fails };
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/{id}/artifacts/{name}',
    summary: 'One artifact',
    request,
    responses,
  });
}

async function artifact(store: Store, id: string, name: string) {
  await store.sessions.get(id);
  return store.artifacts.read(id, name);
}

function notYet(what: string): HoldfastError {
  return new HoldfastError('ARTIFACT_NOT_FOUND', `The session has no ${what} yet.`);
}
