/** What a tool can touch: `read` looks at the work tree, `local` has effects inside it, `control` only talks to Holdfast. */
export type ToolClass = 'read' | 'local' | 'control';

/** Every tool an agent may have. The first seven are pi's, the others ours. */
export const toolClasses = {
  read: 'read',
  grep: 'read',
  find: 'read',
  ls: 'read',
  write: 'local',
  edit: 'local',
  bash: 'local',
  plan: 'control',
  submit_result: 'control',
  report_blocked: 'control',
} as const satisfies Record<string, ToolClass>;

/** A tool of {@link toolClasses}. */
export type ToolName = keyof typeof toolClasses;

/** All tool names. */
export const toolNames = Object.keys(toolClasses) as readonly ToolName[];

/** The tools that no whitelist can take away: the plan and the two honest ends. */
export const alwaysOnTools = ['plan', 'submit_result', 'report_blocked'] as const satisfies readonly ToolName[];

/** True for a name of {@link toolClasses}. */
export function isToolName(name: string): name is ToolName {
  return Object.hasOwn(toolClasses, name);
}
