/** `npm run build`: bundles the workflows into the cache, as a worker would at its start. */
import { join } from 'node:path';
import { loadConfig } from '../src/config.ts';
import { loadWorkflowBundle } from '../src/temporal/workflow-bundle.ts';

const directory = join(loadConfig(process.env).dataDir, 'cache');
const { code } = await loadWorkflowBundle(directory);
process.stdout.write(`workflow bundle: ${Math.round(code.length / 1024)} KB in ${directory}\n`);
