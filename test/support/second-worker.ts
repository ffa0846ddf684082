import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, type Holdfast } from './holdfast.ts';

const script = join(import.meta.dirname, '..', '..', 'src', 'worker.ts');

/**
 * A worker as on another host: a data directory of its own, and nothing in common with the others but records, blobs and Temporal.
 * @param changes to the environment of the others
 */
export async function startSecondWorker(
  holdfast: Holdfast,
  changes: Readonly<Record<string, string>> = {},
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-second-'));
  chmodSync(dataDir, 0o755);
  const env = {
    ...holdfast.env,
    DATA_DIR: dataDir,
    SESSIONS_DIR: join(holdfast.dataDir, 'sessions'),
    TEMPORAL_ADDRESS: holdfast.temporalAddress,
    ...changes,
  };
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until(() => {
    if (child.exitCode !== null) {
      rmSync(dataDir, { recursive: true, force: true });
      throw new Error(`The worker ended with ${child.exitCode}:\n${log}`);
    }
    return log.includes('worker ready');
  });
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
