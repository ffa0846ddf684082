import { openAIError } from './openai-errors.ts';
import {
  argumentTexts,
  bearerOf,
  gather,
  listOf,
  piecesOf,
  textOf,
  type Frame,
  type Item,
  type Json,
  type Reply,
  type WireFormat,
} from './wire-format.ts';

/** The Responses API, as https://platform.openai.com/docs/api-reference/responses describes it. */
export const openAIResponses: WireFormat = {
  api: 'openai-responses',
  path: '/v1/responses',

  read: (body) => {
    const input =
      typeof body['input'] === 'string' ? [{ role: 'user', content: body['input'] }] : listOf(body['input']);
    const system = input
      .filter(({ role }) => role === 'system' || role === 'developer')
      .map((item) => textOf(item['content']));
    return {
      api: 'openai-responses',
      model: typeof body['model'] === 'string' ? body['model'] : '',
      ...gather(input.map(itemOf)),
      system: [textOf(body['instructions']), ...system].filter(Boolean).join('\n'),
      tools: listOf(body['tools']).map((tool) => String(tool['name'])),
      body,
    };
  },

  keyOf: bearerOf,

  frames: (reply) => {
    const frames: Frame[] = [];
    const put = (type: string, data: Json) =>
      frames.push({
        event: type,
        data: JSON.stringify({ type, sequence_number: frames.length, ...data }),
      });
    put('response.created', { response: envelope(reply, 'in_progress', []) });
    const output = outputOf(reply);
    for (const [index, item] of output.entries()) {
      if (item['type'] === 'message') putMessage(put, reply, index, item);
      else putCall(put, reply, index, item);
    }
    const status = reply.turn.outOfTokens ? 'incomplete' : 'completed';
    put(`response.${status}`, { response: envelope(reply, status, output) });
    return frames;
  },

  answer: (reply) => envelope(reply, reply.turn.outOfTokens ? 'incomplete' : 'completed', outputOf(reply)),

  error: openAIError,
};

type Put = (type: string, data: Json) => void;

function putMessage(put: Put, { turn, pieceChars }: Reply, index: number, item: Json): void {
  const at = { item_id: item['id'], output_index: index, content_index: 0 };
  const text = turn.text ?? '';
  put('response.output_item.added', {
    output_index: index,
    item: { ...item, status: 'in_progress', content: [] },
  });
  put('response.content_part.added', {
    ...at,
    part: { type: 'output_text', text: '', annotations: [] },
  });
  for (const piece of piecesOf(text, pieceChars)) put('response.output_text.delta', { ...at, delta: piece });
  put('response.output_text.done', { ...at, text });
  put('response.content_part.done', {
    ...at,
    part: { type: 'output_text', text, annotations: [] },
  });
  put('response.output_item.done', { output_index: index, item });
}

function putCall(put: Put, { pieceChars }: Reply, index: number, item: Json): void {
  const at = { item_id: item['id'], output_index: index };
  const args = String(item['arguments']);
  put('response.output_item.added', {
    output_index: index,
    item: { ...item, arguments: '', status: 'in_progress' },
  });
  for (const piece of piecesOf(args, pieceChars))
    put('response.function_call_arguments.delta', { ...at, delta: piece });
  put('response.function_call_arguments.done', { ...at, arguments: args });
  put('response.output_item.done', { output_index: index, item });
}

function itemOf(item: Json): Item {
  if (item['type'] === 'function_call_output') return { kind: 'result', text: textOf(item['output']) };
  return item['role'] === 'user' ? { kind: 'user', text: textOf(item['content']) } : { kind: 'other' };
}

/** Text and each tool call are items of their own here. */
function outputOf({ turn, id }: Reply): Json[] {
  const content = [{ type: 'output_text', text: turn.text, annotations: [] }];
  const message = {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content,
  };
  const texts = argumentTexts({ turn });
  const calls = (turn.tools ?? []).map(({ name }, index) => ({
    id: `fc_${id}_${index}`,
    type: 'function_call',
    call_id: `call_${id}_${index}`,
    name,
    arguments: texts[index] ?? '',
    status: 'completed',
  }));
  return [...(turn.text ? [message] : []), ...calls];
}

function envelope({ id, model, usage, turn }: Reply, status: string, output: readonly Json[]): Json {
  const base = { id: `resp_${id}`, object: 'response', created_at: 1, model, status, output };
  if (status === 'in_progress') return base;
  const input = usage.input + usage.cacheRead + usage.cacheWrite;
  return {
    ...base,
    ...(turn.outOfTokens && { incomplete_details: { reason: 'max_output_tokens' } }),
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: usage.cacheRead },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + usage.output,
    },
  };
}
