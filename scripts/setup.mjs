// @ts-check
/**
 * Set-up behind `npm start`, `npm test` and `npm run demo`. Runs on Node 20, before there is a node_modules; says what it installs
 * and why; a second run finds everything there and is over at once.
 */
import { ensureNode, ensurePackages } from './setup/packages.mjs';
import { say } from './setup/say.mjs';
import { ensurePrograms } from './setup/system.mjs';
import { ensureTemporalCli } from './setup/temporal-cli.mjs';

try {
  ensurePackages();
  ensureNode();
  ensurePrograms(process.env);
  await ensureTemporalCli(process.env);
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
