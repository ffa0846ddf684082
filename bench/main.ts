/** `npm run bench`: figures of this machine, each against its reference in the same run. */
import { join } from 'node:path';
import { spawnScriptedModel } from '../test/support/scripted-model/process.ts';
import { benchService } from './service.ts';
import { benchTurnCost } from './turn-cost.ts';

const model = await spawnScriptedModel(join(import.meta.dirname, 'scenarios.ts'));
try {
  await benchTurnCost(model.url);
  await benchService(model);
} finally {
  await model.stop();
}
