import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { anthropicMessages } from './anthropic-messages.ts';
import { Faults, type Fault } from './faults.ts';
import { RequestJournal, sha256, type JournalEntry, type Outcome } from './journal.ts';
import { openAICompletions } from './openai-completions.ts';
import { openAIResponses } from './openai-responses.ts';
import { streamReply } from './reply-stream.ts';
import { askedOf, replyOf, type Conversation, type Scenario, type Turn } from './scenario.ts';
import { objectOf, type Reply, type WireFormat } from './wire-format.ts';

/** A running server. `url` has no path: give it as base URL to any of the three formats. */
export interface ScriptedModel {
  readonly url: string;
  readonly faults: Faults;
  journal(): readonly JournalEntry[];
  clearJournal(): void;
  close(): Promise<void>;
}

/** How the server runs. */
export interface ScriptedModelOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  /** With a key, requests that carry another one are answered 401. */
  readonly key?: string;
  /** Entries that the journal keeps; default 10,000. */
  readonly journalMax?: number;
}

const formats: readonly WireFormat[] = [anthropicMessages, openAICompletions, openAIResponses];
const PIECE_CHARS = 40;

/**
 * A model server on loopback whose reply is a function of the request: model id = scenario, turn = answered tool
 * rounds. A request repeated by another process after a crash gets the same answer. Besides the three APIs it has `GET
 * /__journal` and `DELETE /__journal`, `POST /__faults` (one {@link PlannedFault} or a list) and `DELETE /__faults`.
 */
export async function startScriptedModel(
  scenarios: Readonly<Record<string, Scenario>>,
  options: ScriptedModelOptions = {},
): Promise<ScriptedModel> {
  const faults = new Faults();
  const journal = new RequestJournal(options.journalMax ?? 10_000);
  const expected = options.key === undefined ? undefined : sha256(options.key);
  const server = createServer((request, response) => {
    void buffer(request)
      .then((body) => {
        const format =
          request.method === 'POST' ? formats.find(({ path }) => pathOf(request).endsWith(path)) : undefined;
        if (format === undefined) return control(request, response, body, faults, journal);
        return new Exchange({
          format,
          request,
          response,
          body,
          scenarios,
          expected,
          faults,
          journal,
        }).run();
      })
      .catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(400, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: { message: String(error) } }));
      });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults,
    journal: () => journal.entries(),
    clearJournal: () => journal.clear(),
    close: () => stop(server),
  };
}

interface Parts {
  readonly format: WireFormat;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
  readonly scenarios: Readonly<Record<string, Scenario>>;
  readonly expected: string | undefined;
  readonly faults: Faults;
  readonly journal: RequestJournal;
}

/** One request and its answer. */
class Exchange {
  readonly #parts: Parts;
  readonly #conversation: Conversation;
  readonly #scenario: Scenario | undefined;
  readonly #keySha256: string;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#conversation = parts.format.read(objectOf(JSON.parse(parts.body.toString('utf8'))));
    const { model } = this.#conversation;
    this.#scenario = Object.hasOwn(parts.scenarios, model) ? parts.scenarios[model] : undefined;
    this.#keySha256 = sha256(parts.format.keyOf(parts.request.headers));
  }

  async run(): Promise<void> {
    const { body, format, journal } = this.#parts;
    const { model, turn } = this.#conversation;
    const asked = this.#scenario === undefined ? 'turn' : askedOf(this.#conversation, this.#scenario);
    const started = performance.now();
    const entry = {
      at: Date.now(),
      api: format.api,
      scenario: model,
      asked,
      turn,
      attempt: journal.attempt(this.#keySha256, model, asked, turn),
      bodySha256: sha256(body),
      bodyBytes: body.length,
      keySha256: this.#keySha256,
    };
    const fault = this.#parts.faults.take({ scenario: model, asked, turn });
    const { status, outcome } = await this.#answer(fault);
    journal.add({ ...entry, status, outcome, ms: Math.round(performance.now() - started) });
  }

  async #answer(fault: Fault | undefined): Promise<{ readonly status: number; readonly outcome: Outcome }> {
    const { expected, format, response } = this.#parts;
    const conversation = this.#conversation;
    if (expected !== undefined && expected !== this.#keySha256) return this.#refuse(401, 'invalid API key');
    if (fault?.kind === 'status') {
      const { retryAfter, retryAfterMs } = fault;
      const headers = {
        ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
        ...(retryAfterMs !== undefined && { 'retry-after-ms': String(retryAfterMs) }),
      };
      return this.#refuse(fault.status, fault.message ?? `scripted ${fault.status}`, headers);
    }
    if (this.#scenario === undefined) return this.#refuse(404, `no model named ${conversation.model}`);
    const turn = replyOf(conversation, this.#scenario);
    if (turn === undefined) return this.#refuse(400, `scenario ${conversation.model} has no turn ${conversation.turn}`);
    const reply = this.#reply(turn);
    const slow = fault?.kind === 'slow' ? fault : undefined;
    const { ttftMs = 0, pieceMs = 0 } = slow ?? this.#scenario;
    if (conversation.body['stream'] === true) {
      return {
        status: 200,
        outcome: await streamReply(response, format.frames(reply), fault, { ttftMs, pieceMs }),
      };
    }

    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(format.answer(reply)));
    return { status: 200, outcome: 'ok' };
  }

  #reply(turn: Turn): Reply {
    const written = (turn.text ?? '').length + JSON.stringify(turn.tools ?? []).length;
    const usage = {
      input: Math.ceil(this.#parts.body.length / 4),
      output: Math.ceil(written / 4),
      cacheRead: 0,
      cacheWrite: 0,
      ...turn.usage,
    };
    const pieceChars = this.#scenario?.pieceChars ?? PIECE_CHARS;
    return {
      turn,
      id: `scripted_${this.#conversation.turn}`,
      model: turn.servedAs ?? this.#conversation.model,
      usage,
      pieceChars,
    };
  }

  #refuse(status: number, message: string, headers: Record<string, string> = {}) {
    const { format, response } = this.#parts;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(format.error(status, message)));
    return { status, outcome: 'error' } as const;
  }
}

function control(
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  faults: Faults,
  journal: RequestJournal,
): void {
  const call = `${request.method} ${pathOf(request)}`;
  if (call === 'GET /__journal')
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(journal.entries()));
  else if (call === 'DELETE /__journal') journal.clear();
  else if (call === 'POST /__faults') faults.plan(JSON.parse(body.toString('utf8')));
  else if (call === 'DELETE /__faults') faults.clear();
  else response.writeHead(404);
  response.end();
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
}
