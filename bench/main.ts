/**
 * `npm run bench [-- <part> …]`: figures of this machine, each against its reference in the same run. Parts are `freeze`, `sources`,
 * `sandbox`, `turns`, `life`, `service` and `redaction`; without any, all are measured.
 */
import { join } from 'node:path';
import { spawnScriptedModel, type ScriptedModelProcess } from '../test/support/scripted-model/process.ts';
import { benchFreeze } from './freeze.ts';
import { benchLongLife } from './long-life.ts';
import { benchRedaction } from './redaction.ts';
import { benchSandbox } from './sandbox.ts';
import { benchService } from './service.ts';
import { benchSources } from './sources.ts';
import { benchThousandTurns } from './thousand-turns.ts';
import { benchTurnCost } from './turn-cost.ts';

const parts: Readonly<Record<string, (model: ScriptedModelProcess) => Promise<void>>> = {
  freeze: benchFreeze,
  sources: benchSources,
  sandbox: benchSandbox,
  turns: ({ url }) => benchTurnCost(url),
  life: async (model) => {
    await benchLongLife(model.url);
    await benchThousandTurns(model);
  },
  service: benchService,
  redaction: async () => benchRedaction(),
};
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0)
  throw new Error(`There is no part ${unknown.join(', ')}; parts are ${Object.keys(parts).join(', ')}.`);

const model = await spawnScriptedModel(join(import.meta.dirname, 'scenarios.ts'));
try {
  for (const [name, measure] of Object.entries(parts))
    if (asked.length === 0 || asked.includes(name)) await measure(model);
} finally {
  await model.stop();
}
