import { BwrapSandbox } from './bwrap-sandbox.ts';
import { DirectSandbox } from './direct-sandbox.ts';
import type { Sandbox } from './sandbox.ts';

/** The user that commands run as when the server is root and nobody names another. */
const ORDINARY_ID = 1001;

/**
 * The sandbox that the configuration asks for. There is no silent fallback.
 * @throws HoldfastError SANDBOX_UNAVAILABLE
 */
export function createSandbox(options: {
  readonly mode: 'bwrap' | 'off';
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Existing directories that every command may read, and whose programs come before those of the system. */
  readonly toolchains?: readonly string[];
}): Sandbox {
  const { toolchains = [] } = options;
  if (options.mode === 'off') return new DirectSandbox(toolchains);
  if (process.geteuid?.() !== 0) return BwrapSandbox.create({ toolchains });
  const uid = options.uid ?? ORDINARY_ID;
  return BwrapSandbox.create({ toolchains, user: { uid, gid: options.gid ?? uid } });
}
