import {
  argumentTexts,
  bearerOf,
  gather,
  listOf,
  objectOf,
  piecesOf,
  textOf,
  type Frame,
  type Item,
  type Json,
  type Reply,
  type WireFormat,
} from './wire-format.ts';

/** The Messages API, as https://docs.anthropic.com/en/api/messages describes it. */
export const anthropicMessages: WireFormat = {
  api: 'anthropic-messages',
  path: '/v1/messages',

  read: (body) => ({
    api: 'anthropic-messages',
    model: typeof body['model'] === 'string' ? body['model'] : '',
    ...gather(listOf(body['messages']).flatMap(itemsOf)),
    system: textOf(body['system']),
    tools: listOf(body['tools']).map((tool) => String(tool['name'])),
    body,
  }),

  keyOf: (headers) => String(headers['x-api-key'] ?? '') || bearerOf(headers),

  frames: (reply) => {
    const frames: Frame[] = [];
    const put = (type: string, data: Json) => frames.push({ event: type, data: JSON.stringify({ type, ...data }) });
    const { usage } = reply;
    put('message_start', {
      message: { ...envelope(reply), content: [], stop_reason: null, usage: usageOf(reply, 1) },
    });
    const texts = [...(reply.turn.text ? [reply.turn.text] : []), ...argumentTexts(reply)];
    for (const [index, block] of blocksOf(reply).entries()) {
      const text = block['type'] === 'text';
      put('content_block_start', {
        index,
        content_block: text ? { ...block, text: '' } : { ...block, input: {} },
      });
      for (const piece of piecesOf(texts[index] ?? '', reply.pieceChars)) {
        const delta = text ? { type: 'text_delta', text: piece } : { type: 'input_json_delta', partial_json: piece };
        put('content_block_delta', { index, delta });
      }
      put('content_block_stop', { index });
    }
    put('message_delta', {
      delta: { stop_reason: stopOf(reply), stop_sequence: null },
      usage: { output_tokens: usage.output },
    });
    put('message_stop', {});
    return frames;
  },

  answer: (reply) => ({
    ...envelope(reply),
    content: blocksOf(reply),
    stop_reason: stopOf(reply),
    usage: usageOf(reply, reply.usage.output),
  }),

  error: (status, message) => ({
    type: 'error',
    error: { type: errorTypes[status] ?? fallbackType(status), message },
  }),
};

const errorTypes: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  529: 'overloaded_error',
};

function fallbackType(status: number): string {
  return status >= 500 ? 'api_error' : 'invalid_request_error';
}

/** A user message may hold tool results and text at once; the results come first. */
function itemsOf(message: Json): Item[] {
  if (message['role'] !== 'user') return [{ kind: 'other' }];
  const parts = typeof message['content'] === 'string' ? [] : listOf(message['content']);
  const results = parts.filter((part) => part['type'] === 'tool_result');
  const text =
    typeof message['content'] === 'string' ? message['content'] : textOf(parts.filter(({ type }) => type === 'text'));
  const said: Item[] = text === '' && results.length > 0 ? [] : [{ kind: 'user', text }];
  return [...results.map((part): Item => ({ kind: 'result', text: textOf(part['content']) })), ...said];
}

function envelope({ id, model }: Reply): Json {
  return { id: `msg_${id}`, type: 'message', role: 'assistant', model, stop_sequence: null };
}

function blocksOf({ turn, id }: Reply): Json[] {
  const tools = (turn.tools ?? []).map(({ name, args }, index) => ({
    type: 'tool_use',
    id: `toolu_${id}_${index}`,
    name,
    input: objectOf(args),
  }));
  return [...(turn.text ? [{ type: 'text', text: turn.text }] : []), ...tools];
}

function stopOf({ turn }: Reply): string {
  if (turn.outOfTokens) return 'max_tokens';
  return turn.tools?.length ? 'tool_use' : 'end_turn';
}

function usageOf({ usage }: Reply, output: number): Json {
  return {
    input_tokens: usage.input,
    output_tokens: output,
    cache_read_input_tokens: usage.cacheRead,
    cache_creation_input_tokens: usage.cacheWrite,
  };
}
