import type { WireApi } from './wire-format.ts';

/** A tool call of a scripted reply; its id is made of turn and index. */
export interface ToolCall {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
}

/** Tokens as the provider reports them; by default they are estimated from the sizes of request and reply. */
export interface ScriptedUsage {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
}

/** One scripted reply. A reply without tools ends the run in the eyes of an agent. */
export interface Turn {
  readonly text?: string;
  readonly tools?: readonly ToolCall[];
  readonly usage?: ScriptedUsage;
  /** Ends the reply as if the model had run out of output tokens. */
  readonly outOfTokens?: boolean;
  /** The model that the reply says it is of; default: the one that was asked for. */
  readonly servedAs?: string;
}

/**
 * What a request looks like to a scenario, whatever its wire format. A scenario must answer the same to the same
 * conversation.
 */
export interface Conversation {
  readonly api: WireApi;
  /** The scenario: the request's model id. */
  readonly model: string;
  /** Tool rounds answered so far; several results in a row answer one reply. */
  readonly turn: number;
  /** The texts of all user messages, in order: the first is the prompt, later ones are feedback or nudges. */
  readonly userMessages: readonly string[];
  /** The texts of the tool results of the last answered round. */
  readonly lastResults: readonly string[];
  /** System prompt, as text. */
  readonly system: string;
  /** Names of the tools on offer. */
  readonly tools: readonly string[];
  /** The request's body, parsed. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A model that does what it is told. Declared in modules as `export const scenarios: Record<string, Scenario>`. */
export interface Scenario {
  /** Reply n answers the request with n tool rounds; or a pure function of the conversation. */
  readonly turns: readonly Turn[] | ((conversation: Conversation) => Turn | undefined);
  /**
   * Arguments of the forced contract call, which is asked by requests whose only tool is `emit_contract` and counts no
   * turn of the task. Default: a harmless contract with nothing missing. A function sees a repair round as `turn` 1.
   */
  readonly contract?:
    | Readonly<Record<string, unknown>>
    | ((conversation: Conversation) => Turn | Readonly<Record<string, unknown>>);
  /** Answers requests without any tool (an agent asking for a summary of its context). */
  readonly summary?: string | ((conversation: Conversation) => string);
  /** Milliseconds before the first byte of a reply. */
  readonly ttftMs?: number;
  /** Milliseconds between two pieces of a reply. */
  readonly pieceMs?: number;
  /** Characters in one piece; default 40. */
  readonly pieceChars?: number;
}

/** The tool that marks a request as the contract call. */
export const CONTRACT_TOOL = 'emit_contract';

/** What a request asks for: the contract, a summary (no tools), or a turn of the task. */
export type Asked = 'contract' | 'summary' | 'turn';

/** Tells contract calls and summaries from turns. */
export function askedOf(conversation: Conversation, scenario: Scenario): Asked {
  if (conversation.tools.length === 1 && conversation.tools[0] === CONTRACT_TOOL) return 'contract';
  return conversation.tools.length === 0 && scenario.summary !== undefined ? 'summary' : 'turn';
}

/** The scripted reply, or undefined when the scenario has none for this point. */
export function replyOf(conversation: Conversation, scenario: Scenario): Turn | undefined {
  const asked = askedOf(conversation, scenario);
  if (asked === 'summary') {
    const { summary = '' } = scenario;
    return { text: typeof summary === 'string' ? summary : summary(conversation) };
  }
  if (asked === 'turn') {
    return typeof scenario.turns === 'function' ? scenario.turns(conversation) : scenario.turns[conversation.turn];
  }
  const contract = typeof scenario.contract === 'function' ? scenario.contract(conversation) : scenario.contract;
  if (contract !== undefined && isTurn(contract)) return contract;
  return { tools: [{ name: CONTRACT_TOOL, args: contract ?? harmlessContract(conversation) }] };
}

/** A contract that asks nothing: its goal is the first line of the prompt. */
export function harmlessContract(conversation: Conversation): Record<string, unknown> {
  return {
    goal: taskOf(conversation.userMessages[0] ?? ''),
    requiredInputs: [],
    requiredFiles: [],
    requiredTools: [],
    requiredScripts: [],
    missingInformation: [],
    questions: [],
    acceptance: [],
    assumptions: [],
  };
}

/** The first line of the task, which may stand between `<task>` tags. */
function taskOf(prompt: string): string {
  const task = /<task>\n?([\s\S]*?)<\/task>/.exec(prompt)?.[1] ?? prompt;
  return task.trim().split('\n')[0]?.trim() || 'Do the task.';
}

function isTurn(value: object): value is Turn {
  return 'tools' in value || 'text' in value;
}
