import { openAIError } from './openai-errors.ts';
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

/** Chat Completions, as https://platform.openai.com/docs/api-reference/chat describes it. */
export const openAICompletions: WireFormat = {
  api: 'openai-completions',
  path: '/v1/chat/completions',

  read: (body) => {
    const messages = listOf(body['messages']);
    const system = messages.filter(({ role }) => role === 'system' || role === 'developer');
    return {
      api: 'openai-completions',
      model: typeof body['model'] === 'string' ? body['model'] : '',
      ...gather(messages.map(itemOf)),
      system: system.map((message) => textOf(message['content'])).join('\n'),
      tools: listOf(body['tools']).map((tool) => String(objectOf(tool['function'])['name'])),
      body,
    };
  },

  keyOf: bearerOf,

  frames: (reply) => {
    const frames: Frame[] = [];
    const base = {
      id: `chatcmpl-${reply.id}`,
      object: 'chat.completion.chunk',
      created: 1,
      model: reply.model,
    };
    const put = (data: Json) => frames.push({ data: JSON.stringify({ ...base, ...data }) });
    const delta = (change: Json, finish: string | null = null) =>
      put({ choices: [{ index: 0, delta: change, finish_reason: finish }] });
    delta({ role: 'assistant', content: '' });
    for (const piece of piecesOf(reply.turn.text ?? '', reply.pieceChars)) delta({ content: piece });
    for (const [index, call] of callsOf(reply).entries()) {
      delta({ tool_calls: [{ index, ...call, function: { ...call.function, arguments: '' } }] });
      for (const piece of piecesOf(call.function.arguments, reply.pieceChars)) {
        delta({ tool_calls: [{ index, function: { arguments: piece } }] });
      }
    }
    delta({}, finishOf(reply));
    put({ choices: [], usage: usageOf(reply) });
    frames.push({ data: '[DONE]' });
    return frames;
  },

  answer: (reply) => {
    const calls = callsOf(reply);
    const message = {
      role: 'assistant',
      content: reply.turn.text ?? null,
      ...(calls.length > 0 && { tool_calls: calls }),
    };
    return {
      id: `chatcmpl-${reply.id}`,
      object: 'chat.completion',
      created: 1,
      model: reply.model,
      choices: [{ index: 0, message, finish_reason: finishOf(reply) }],
      usage: usageOf(reply),
    };
  },

  error: openAIError,
};

function itemOf(message: Json): Item {
  if (message['role'] === 'tool') return { kind: 'result', text: textOf(message['content']) };
  return message['role'] === 'user' ? { kind: 'user', text: textOf(message['content']) } : { kind: 'other' };
}

function callsOf({ turn, id }: Reply) {
  const texts = argumentTexts({ turn });
  return (turn.tools ?? []).map(({ name }, index) => ({
    id: `call_${id}_${index}`,
    type: 'function',
    function: { name, arguments: texts[index] ?? '' },
  }));
}

function finishOf({ turn }: Reply): string {
  if (turn.outOfTokens) return 'length';
  return turn.tools?.length ? 'tool_calls' : 'stop';
}

function usageOf({ usage }: Reply): Json {
  const prompt = usage.input + usage.cacheRead + usage.cacheWrite;
  return {
    prompt_tokens: prompt,
    completion_tokens: usage.output,
    total_tokens: prompt + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
  };
}
