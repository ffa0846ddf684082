/** What a tool can do to the work tree: nothing (`read`), or something that the restored tree undoes (`local`). */
export type ToolClass = 'read' | 'local';

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
