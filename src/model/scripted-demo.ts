import { setTimeout as delay } from 'node:timers/promises';
import {
  createAssistantMessageEventStream,
  createProvider,
  getCurrentTools,
  type Api,
  type AssistantMessage,
  type AssistantMessageEventStream,
  type Message,
  type Model,
  type ProviderStreams,
  type SimpleStreamOptions,
  type TranscriptContext,
} from '@earendil-works/pi-ai';
import { demoPrompt } from '../demo/demo-repository.ts';
import { HTTP_DIAGNOSTIC } from './classify.ts';
import { demoContract, demoReply, type DemoReply } from './demo-script.ts';
import type { ModelAccess } from './provider.ts';

const DEMO_API = 'scripted-demo';
const DEFAULT_DELAY_MS = 400;

const model: Model<Api> = {
  id: 'fix-failing-test',
  name: 'Scripted demo model (no AI)',
  api: DEMO_API,
  provider: DEMO_API,
  baseUrl: 'http://scripted-demo.invalid',
  reasoning: false,
  input: ['text'],
  cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
  contextWindow: 128_000,
  maxTokens: 8_192,
};

/**
 * The demo's model: no AI, no network, no key. Each reply is a function of the transcript, so a run that is killed and
 * resumed goes on where it was; everything around it is real. It refuses every task but the bundled one.
 * @param delayMs what each reply waits, which makes the demo watchable and gives time to kill it.
 */
export function createScriptedDemo(delayMs = DEFAULT_DELAY_MS): ModelAccess {
  const answer = (_model: Model<Api>, context: TranscriptContext, options?: SimpleStreamOptions) => {
    const stream = createAssistantMessageEventStream();
    void reply(stream, context.messages, delayMs, options?.signal);
    return stream;
  };
  const api: ProviderStreams = { stream: answer, streamSimple: answer };
  const auth = { name: 'none', resolve: async () => ({ auth: { apiKey: 'none' }, source: 'demo' }) };
  return { model, provider: createProvider({ id: DEMO_API, models: [model], auth: { apiKey: auth }, api }) };
}

async function reply(
  stream: AssistantMessageEventStream,
  messages: readonly Message[],
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const output = emptyMessage(messages);
  stream.push({ type: 'start', partial: output });
  try {
    await delay(delayMs, undefined, signal && { signal });
  } catch {
    return fail(stream, { ...output, stopReason: 'aborted', errorMessage: 'Request was aborted.' });
  }
  const scripted = scriptedReply(messages);
  if (scripted === null) return fail(stream, refusal(output));
  emit(stream, output, scripted);
}

/** The script's next reply; null for another task than the demo's. */
function scriptedReply(messages: readonly Message[]): DemoReply | null {
  const prompt = messages.find(({ role }) => role === 'user');
  if (prompt === undefined || !textOf(prompt).includes(demoPrompt)) return null;
  const tools = getCurrentTools([...messages]).map(({ name }) => name);
  if (tools.length === 1 && tools[0] === demoContract.name) return { text: '', call: demoContract };
  return demoReply(roundsIn(messages), messages.map(textOf).join('\n'));
}

/** Tool rounds that were answered: several results in a row answer one reply. */
function roundsIn(messages: readonly Message[]): number {
  return messages.filter(({ role }, index) => role === 'toolResult' && messages[index - 1]?.role !== 'toolResult')
    .length;
}

function textOf(message: Message): string {
  if (message.role === 'toolResult' || message.role === 'assistant') return ''; // Only the task speaks, not what the tools said.
  const sections = message.role === 'system' ? Object.values(message.sections ?? {}) : [];
  const parts =
    typeof message.content === 'string' ? [{ type: 'text' as const, text: message.content }] : message.content;
  return [...parts.map((part) => (part.type === 'text' ? part.text : '')), ...sections].join('\n');
}

function emit(stream: AssistantMessageEventStream, output: AssistantMessage, { text, call }: DemoReply): void {
  if (text !== '') {
    const contentIndex = output.content.push({ type: 'text', text: '' }) - 1;
    stream.push({ type: 'text_start', contentIndex, partial: output });
    output.content[contentIndex] = { type: 'text', text };
    stream.push({ type: 'text_delta', contentIndex, delta: text, partial: output });
    stream.push({ type: 'text_end', contentIndex, content: text, partial: output });
  }
  const toolCall = { type: 'toolCall' as const, id: call.id, name: call.name, arguments: { ...call.args } };
  const contentIndex = output.content.push(toolCall) - 1;
  stream.push({ type: 'toolcall_start', contentIndex, partial: output });
  stream.push({ type: 'toolcall_delta', contentIndex, delta: JSON.stringify(call.args), partial: output });
  stream.push({ type: 'toolcall_end', contentIndex, toolCall, partial: output });
  output.usage.output = Math.ceil((text.length + JSON.stringify(call.args).length) / 4);
  output.usage.totalTokens = output.usage.input + output.usage.output;
  output.stopReason = 'toolUse';
  stream.push({ type: 'done', reason: 'toolUse', message: output });
  stream.end();
}

function fail(stream: AssistantMessageEventStream, error: AssistantMessage): void {
  stream.push({ type: 'error', reason: error.stopReason === 'aborted' ? 'aborted' : 'error', error });
  stream.end();
}

function refusal(output: AssistantMessage): AssistantMessage {
  const errorMessage =
    'This model only replays the bundled demo; it is not an AI. Configure a real model for other tasks.';
  const diagnostics = [{ type: HTTP_DIAGNOSTIC, timestamp: output.timestamp, details: { status: 400 } }];
  return { ...output, stopReason: 'error', errorMessage, diagnostics };
}

function emptyMessage(messages: readonly Message[]): AssistantMessage {
  const input = Math.ceil(JSON.stringify(messages).length / 4);
  return {
    role: 'assistant',
    content: [],
    api: DEMO_API,
    provider: DEMO_API,
    model: model.id,
    usage: {
      input,
      output: 0,
      cacheRead: 0,
      cacheWrite: 0,
      totalTokens: input,
      cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 },
    },
    stopReason: 'pending',
    timestamp: Date.now(),
  };
}
