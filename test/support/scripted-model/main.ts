import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Scenario } from './scenario.ts';
import { startScriptedModel } from './server.ts';

// The server as a process of its own: prints one line `{"url": …}` when it listens, and ends on SIGTERM or SIGINT.
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'scenario-module': { type: 'string' },
  },
});
const path = values['scenario-module'];
if (path === undefined) throw new Error('--scenario-module <file.ts> is required');
const module = (await import(pathToFileURL(path).href)) as {
  readonly scenarios: Readonly<Record<string, Scenario>>;
};
/** The only key that it takes, where there is one: never a real one. */
const key = process.env['SCRIPTED_MODEL_KEY'];
const options = { port: Number(values.port), ...(key !== undefined && { key }) };
const server = await startScriptedModel(module.scenarios, options);
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => void server.close().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`);
