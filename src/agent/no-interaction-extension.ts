import type { ExtensionUIContext, InlineExtension } from '@earendil-works/pi-coding-agent';
import type { AssistantMessage } from '@earendil-works/pi-ai';
import { HoldfastError } from '../domain/failure.ts';
import { isInteraction } from './interaction.ts';
import type { StopSignal } from './stop-signal.ts';

/** Told to a model that ends its turn without a result; it is the same text each time. */
export const nudge =
  '[holdfast] Nobody is there to answer. Do not ask. Decide yourself, go on, and call submit_result when the task is done, or report_blocked if it cannot be done.';

/** How entries of a nudge are marked in the transcript. */
export const NUDGE_TYPE = 'holdfast.nudge';
const MAX_NUDGES = 2;

/**
 * The second of the three walls against interaction (the first: no such tool is registered; the third: the system prompt).
 * Any attempt to reach a person stops the run with INTERACTION_ATTEMPTED before a tool of that reply runs; a reply that ends
 * without a result is nudged at most twice, then the run stops with NO_RESULT.
 */
export class NoInteractionExtension {
  readonly #stop: StopSignal;
  readonly #nudgesSoFar: () => number;
  /** Set when the extension has really been loaded: pi skips one that fails without a word. */
  loaded = false;

  /** @param nudgesSoFar counts the nudges since the last message of ours, from the transcript: a restart must not reset it. */
  constructor(stop: StopSignal, nudgesSoFar: () => number) {
    this.#stop = stop;
    this.#nudgesSoFar = nudgesSoFar;
  }

  /** For pi's resource loader. */
  get extension(): InlineExtension {
    return {
      name: 'holdfast-no-interaction',
      hidden: true,
      factory: (pi) => {
        this.loaded = true;
        pi.on('input', (event) => {
          if (event.source !== 'extension') return undefined;
          this.#attempted("a message was put into the user's mouth");
          return { action: 'handled' };
        });
        pi.on('ui_prompt_start', (event) => this.#attempted(`a prompt of the kind ${event.kind}`));
        pi.on('tool_call', (event) => {
          if (isInteraction(event.toolName)) this.#attempted(`the tool ${event.toolName}`);
          const { reason } = this.#stop;
          return reason === null
            ? undefined
            : { block: true, reason: `[holdfast] The run has been stopped: ${reason.code}` };
        });
        pi.on('turn_end', (event) => {
          if (event.outcome !== 'completed' || event.toolResults.length > 0 || this.#stop.reason !== null)
            return undefined;
          if (this.#nudgesSoFar() >= MAX_NUDGES) {
            this.#stop.stop(
              new HoldfastError(
                'NO_RESULT',
                `The agent ended ${MAX_NUDGES + 1} times without a result; its last words: ${lastWords(event.message)}`,
              ),
            );
            return undefined;
          }
          const entry = { type: 'custom_message' as const, customType: NUDGE_TYPE, display: false, content: nudge };
          return { continue: true, entries: [entry] };
        });
      },
    };
  }

  /** Looks at a reply before any of its tools runs: a tool that is not registered fires no event of its own. */
  inspect(reply: AssistantMessage): void {
    for (const part of reply.content) {
      if (part.type === 'toolCall' && isInteraction(part.name)) this.#attempted(`the tool ${part.name}`);
    }
  }

  /** A user interface in which every question is an attempt. Without one, pi would answer questions with "no" and go on. */
  get userInterface(): ExtensionUIContext {
    const asks = ['select', 'confirm', 'input', 'editor', 'custom'];
    const handler: ProxyHandler<object> = {
      get: (_target, name) => {
        if (name === 'theme') return {};
        if (!asks.includes(String(name))) return () => undefined;
        return async () => {
          this.#attempted(`the dialog ${String(name)}`);
          throw new Error(`[holdfast] There is nobody to see the dialog ${String(name)}.`);
        };
      },
    };
    return new Proxy({}, handler) as ExtensionUIContext;
  }

  #attempted(how: string): void {
    this.#stop.stop(new HoldfastError('INTERACTION_ATTEMPTED', `The agent tried to reach a person by ${how}.`));
  }
}

function lastWords(message: unknown): string {
  const { content } = message as { content?: unknown };
  const parts = Array.isArray(content) ? content : [];
  const text = parts.map((part: { text?: unknown }) => (typeof part.text === 'string' ? part.text : '')).join(' ');
  return text.replace(/\s+/g, ' ').trim().slice(-300) || '(none)';
}
