/** What a tool that asks a person is called, in pi's world and in others: `ask_user`, `AskUserQuestion`, `request_human_input`, `confirm`, … */
const kin = [
  /^ask/,
  /(^|_)(ask|question|questions|clarify|clarification|confirm|confirmation|approve|approval)(_|$)/,
  /(^|_)(user|human|operator)_(input|question|response|reply|feedback|confirmation|approval)/,
  /^(request|get|wait_for|await|prompt|elicit|consult|notify_and_wait)_(user|human|operator|input|feedback|approval)/,
  /^(input|elicit|elicitation|human|user)$/,
];

/** True for the name of a tool by which a model tries to reach a person, whether such a tool is there or not. */
export function isInteraction(toolName: string): boolean {
  const name = toolName
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();
  return kin.some((pattern) => pattern.test(name));
}
