/** A call of the tool `task`. Turn and call id say which: models number their calls as they like. */
export interface SubAgentCall {
  /** The parent's last finished turn before the call. */
  readonly turn: number;
  /** The id of the parent's tool call. */
  readonly callId: string;
  readonly title: string;
  readonly prompt: string;
  /** The sub-agent's whitelist. */
  readonly tools: readonly string[];
  /** As the sub-agent is sent it. */
  readonly systemPrompt: string;
}

/**
 * The frozen agreement with a sub-agent: what its call says and what it may use. Everything that is not named here (model, limits,
 * sandbox, source) is the parent's. It follows from the parent's snapshot and the call alone, so that every attempt makes the same.
 */
export interface SubAgentSnapshot extends Omit<SubAgentCall, 'systemPrompt'> {
  readonly version: 1;
  readonly sessionId: string;
  /** `tsk_…`, unique within the session; also the id of its thread. */
  readonly task: string;
  /** Digest of the session's snapshot. */
  readonly parent: string;
  /** SHA-256 of the system prompt. */
  readonly systemPrompt: string;
}

/** The tools that no sub-agent has: it cannot delegate in its turn, and the plan that people see is the parent's. */
const parentsOwn = ['task', 'plan'];
/** The tools that every sub-agent has, whatever its call names. */
const ends = ['submit_result', 'report_blocked'];

/**
 * The whitelist of a sub-agent, in the parent's order, or the names that it cannot have.
 * @param wanted what the call names; undefined for all that the parent has to give.
 */
export function subAgentTools(
  parent: readonly string[],
  wanted: readonly string[] | undefined,
):
  | { readonly tools: readonly string[] }
  | { readonly refused: readonly string[]; readonly allowed: readonly string[] } {
  const allowed = parent.filter((name) => !parentsOwn.includes(name));
  const refused = (wanted ?? []).filter((name) => !allowed.includes(name));
  if (refused.length > 0) return { refused, allowed };
  return { tools: allowed.filter((name) => wanted === undefined || wanted.includes(name) || ends.includes(name)) };
}
