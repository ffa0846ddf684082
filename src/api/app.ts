import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { requestId } from 'hono/request-id';
import { secureHeaders } from 'hono/secure-headers';
import { HoldfastError } from '../domain/failure.ts';
import { authenticate } from './auth.ts';
import { contractRoutes } from './contract-routes.ts';
import { handleErrors, refuseInvalid, type ErrorLog } from './errors.ts';
import { CODEC_PATH, codecCors, codecRoutes, isFromUi, type CodecDeps } from './codec-routes.ts';
import { keyRoutes } from './key-routes.ts';
import { forgeWebhookRoutes, type ForgeWebhookDeps } from './forge-webhooks.ts';
import { healthRoutes, type HealthDeps } from './health.ts';
import type { Reaper } from '../reaper.ts';
import { storageRoutes } from './storage-routes.ts';
import { documentRoutes } from './session-documents.ts';
import { forkRoutes } from './session-fork.ts';
import { sessionRoutes, type SessionRouteDeps } from './sessions.ts';

const MAX_BODY_BYTES = 1024 * 1024;

/** What the API is made of. */
export interface AppDeps extends SessionRouteDeps, HealthDeps {
  /** The keys of this moment; none: only this machine may call. */
  readonly apiKeys: () => readonly string[];
  readonly log: ErrorLog;
  /** Null where Temporal's payloads are not encrypted. */
  readonly codec: CodecDeps | null;
  readonly forges: Omit<ForgeWebhookDeps, 'store' | 'sessions'>;
  readonly reaper: Pick<Reaper, 'reap'>;
}

/** The HTTP API as a value: it can be called in a test without a port. */
export function createApp(deps: AppDeps): OpenAPIHono {
  const { apiKeys, codec, log, store, version } = deps;
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  handleErrors(app, log, () => store.known.all());
  app.use(requestId());
  app.use(secureHeaders());
  if (codec !== null) app.use(`${CODEC_PATH}/*`, codecCors(codec));
  app.use(authenticate(apiKeys, (path, origin) => codec !== null && isFromUi(codec, path, origin)));
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new HoldfastError('BODY_TOO_LARGE', 'The body is larger than 1 MB.');
      },
    }),
  );
  app.use(jsonOnly);
  app.route('/', healthRoutes(deps));
  app.route('/api/sessions', sessionRoutes(deps));
  app.route('/api/sessions', forkRoutes(deps));
  app.route('/api/sessions', contractRoutes(deps));
  app.route('/api/sessions', documentRoutes(store));
  app.route('/api/master-keys', keyRoutes(store));
  app.route('/api/storage', storageRoutes(deps.reaper));
  if (codec !== null) app.route(CODEC_PATH, codecRoutes(codec));
  app.route('/v1/forges', forgeWebhookRoutes({ ...deps.forges, store, sessions: deps.sessions }));
  app.openAPIRegistry.registerComponent('securitySchemes', 'key', {
    type: 'http',
    scheme: 'bearer',
    description: 'Needed as soon as the server has keys; without any it answers its own machine only.',
  });
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    security: [{ key: [] }, {}],
    info: {
      title: 'Holdfast',
      version,
      description: 'Asks everything before it starts; then finishes, whatever crashes.',
    },
  });
  return app;
}

/** Bodies are JSON; none at all is an empty object. */
const jsonOnly: Parameters<OpenAPIHono['use']>[1] = async (c, next) => {
  if (c.req.method !== 'POST') return next();
  const text = await c.req.text();
  const type = c.req.header('content-type') ?? '';
  if (text.trim() === '') {
    c.req.raw = new Request(c.req.raw.url, { method: 'POST', headers: withType(c.req.raw.headers), body: '{}' });
    c.req.bodyCache = {};
    return next();
  }
  if (!/^application\/([\w.+-]+\+)?json\b/i.test(type))
    throw new HoldfastError('UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.');
  try {
    JSON.parse(text);
  } catch (error) {
    throw new HoldfastError('MALFORMED_JSON', `The body is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  return next();
};

function withType(headers: Headers): Headers {
  const all = new Headers(headers);
  all.set('content-type', 'application/json');
  all.delete('content-length');
  return all;
}
