import type { ToolDefinition } from '@earendil-works/pi-coding-agent';
import type { PlanStep } from '../../domain/events.ts';
import type { Redactor } from '../../redaction/redactor.ts';
import type { CommandAccess, Sandbox, SandboxSpec } from '../../sandbox/sandbox.ts';
import { bashTool } from './bash-tool.ts';
import { controlTools } from './control-tools.ts';
import { fileTools } from './file-tools.ts';
import { redactingTools } from './redacting-tools.ts';
import { searchTools } from './search-tools.ts';

/** The tools of an agent that are on its whitelist. Everything that touches a file or runs a command does so in the sandbox. */
export function agentTools(options: {
  readonly whitelist: readonly string[];
  readonly sandbox: Sandbox;
  readonly spec: SandboxSpec;
  /** The wall time that the session has left, in milliseconds: no command runs longer. */
  readonly leftWallMs: () => number;
  /** What commands have besides: the other tools never reach the network. */
  readonly commands?: CommandAccess;
  readonly onPlan: (steps: readonly PlanStep[]) => Promise<void>;
  /** What no tool may show. */
  readonly redactor: Redactor;
}): ToolDefinition[] {
  const { whitelist, sandbox, spec, leftWallMs, commands, onPlan, redactor } = options;
  const cwd = sandbox.workspacePath(spec);
  const all = [
    bashTool(sandbox, spec, { cwd, leftWallMs, redactor, ...commands }),
    ...fileTools(sandbox, spec, { cwd, redactor }),
    ...searchTools(sandbox, spec, redactor),
    ...controlTools(onPlan),
  ];
  return redactingTools(
    all.filter(({ name }) => whitelist.includes(name)),
    redactor,
  );
}
