/** A process that starts a command in the sandbox and says so: `spawner.ts <workspace> <command>`. */
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';

const [workspace = '', command = ''] = process.argv.slice(2);
const sandbox = createSandbox({ mode: 'bwrap' });
process.stdout.write('starting\n');
await sandbox.spawn(['/bin/bash', '-c', command], { workspace }).result;
sandbox.dispose();
