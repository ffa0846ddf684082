import { join } from 'node:path';
import { loadConfig } from './config.ts';
import { HoldfastError } from './domain/failure.ts';
import { runProcess } from './entry-point.ts';
import { createLogger } from './logger.ts';
import { Supervisor } from './supervisor.ts';

const scripts = new Map([
  ['worker', 'worker.ts'],
  ['api', join('api', 'server.ts')],
]);

await runProcess(() => keep(process.argv[2] ?? ''));

/** `keep.ts worker` and `keep.ts api`: one process of the server, kept running until SIGTERM. This is what a container starts. */
async function keep(name: string): Promise<void> {
  const script = scripts.get(name);
  if (script === undefined) throw new HoldfastError('INVALID_REQUEST', `There is no process ${name} to keep running.`);
  const config = loadConfig(process.env);
  const logger = createLogger({ name: 'keep', level: config.logLevel });
  const supervisor = new Supervisor({ logger, pidFile: null, env: process.env, hangMs: config.hangMs });
  const stop = async (code: number): Promise<void> => {
    await supervisor.stop(config.drainMs);
    process.exit(code);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(0));
  await supervisor.start({ name, script: join(import.meta.dirname, script) }).catch((error: unknown) => {
    logger.error({ error: String(error) }, 'not started');
    return stop(1);
  });
}
