// @ts-check
/**
 * Set-up behind `npm start`, `npm test` and `npm run demo`. Runs on Node 20, before there is a node_modules; says what it installs
 * and why; a second run finds everything there and is over at once. With `--tests` it is also for what only the tests need.
 */
import { join } from 'node:path';
import { alone } from './setup/alone.mjs';
import { node, packages } from './setup/packages.mjs';
import { programs } from './setup/programs.mjs';
import { say } from './setup/say.mjs';
import { cacheDirectory, temporalCli } from './setup/temporal-cli.mjs';

const machine = {
  root: join(import.meta.dirname, '..'),
  env: process.env,
  isForTests: process.argv.includes('--tests'),
};
const steps = [packages, node, programs, temporalCli];

try {
  if (!steps.every((step) => step.isReady(machine))) {
    await alone(join(cacheDirectory(process.env), 'set-up.lock'), async () => {
      for (const step of steps) if (!step.isReady(machine)) await step.prepare(machine);
    });
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
