/**
 * What a tool can do: nothing that stays (`read`), something that the restored tree undoes (`local`), or something outside that nothing
 * here undoes (`external`). The first two are done again after a crash; the last never is.
 */
export type ToolClass = 'read' | 'local' | 'external';

/** Every tool an agent may have. The first seven are pi's, the others ours, which only talk to Holdfast. */
export const toolClasses = {
  read: 'read',
  grep: 'read',
  find: 'read',
  ls: 'read',
  write: 'local',
  edit: 'local',
  bash: 'local',
  plan: 'read',
  submit_result: 'read',
  report_blocked: 'read',
  // The call itself changes nothing: what its sub-agent does is journaled step by step.
  task: 'read',
} as const satisfies Record<string, Exclude<ToolClass, 'external'>>;

/** A tool of {@link toolClasses}. */
export type ToolName = keyof typeof toolClasses;

/** All tool names. */
export const toolNames = Object.keys(toolClasses) as readonly ToolName[];

/** The tools that no whitelist can take away: the plan and the two honest ends. */
export const alwaysOnTools = ['plan', 'submit_result', 'report_blocked'] as const satisfies readonly ToolName[];

/** The tools that an agent has only when a skill or a person asks for them: a sub-agent costs more than the step it saves, if it saves none. */
export const optionalTools = ['task'] as const satisfies readonly ToolName[];

/**
 * The whitelist for what the skill names and persons put into the contract. A skill that names tools gets these and no others;
 * without one the agent has all but the optional ones, and of these the ones that persons ask for.
 */
export function whitelistFor(skill: readonly string[], persons: readonly string[]): ToolName[] {
  const named = (name: ToolName) =>
    skill.length > 0 ? skill.includes(name) : !isOneOf(optionalTools, name) || persons.includes(name);
  return toolNames.filter((name) => named(name) || isOneOf(alwaysOnTools, name));
}

function isOneOf(names: readonly ToolName[], name: ToolName): boolean {
  return names.includes(name);
}

/** The class of a tool in a session whose commands are walled in, or can reach the network. */
export function classOf(name: ToolName, commandsReachOut: boolean): ToolClass {
  return name === 'bash' && commandsReachOut ? 'external' : toolClasses[name];
}

/** True for a name of {@link toolClasses}. */
export function isToolName(name: string): name is ToolName {
  return Object.hasOwn(toolClasses, name);
}
