import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const root = join(import.meta.dirname, '..');

/**
 * The workflows as one script for the sandbox. Built once and kept under the hash of everything it is made of;
 * building takes about a second, reading it none.
 * @param failureConverterPath what makes failures of errors in it, where that is not Temporal's own.
 */
export async function loadWorkflowBundle(
  cacheDirectory: string,
  failureConverterPath?: string,
): Promise<{ readonly code: string }> {
  const kind = failureConverterPath === undefined ? 'workflows' : 'workflows-sealed';
  const file = join(cacheDirectory, `${kind}-${contentHash()}.js`);
  const cached = read(file);
  if (cached !== null) return { code: cached };
  const workflowsPath = join(root, 'workflows', 'index.ts');
  const own = failureConverterPath !== undefined && { failureConverterPath };
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: quiet, ...own });
  mkdirSync(cacheDirectory, { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, code);
  renameSync(temporary, file);
  return { code };
}

function contentHash(): string {
  const hash = createHash('sha256');
  const sources = globSync(['workflows/**/*.ts', 'domain/**/*.ts', 'temporal/failure-converter.ts'], {
    cwd: root,
  }).toSorted();
  for (const path of sources)
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0');
  return hash
    .update(readFileSync(join(root, '..', 'package-lock.json')))
    .digest('hex')
    .slice(0, 32);
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

const ignore = (): void => undefined;
const quiet = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
