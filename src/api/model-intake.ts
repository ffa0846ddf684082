import type { ModelSpec } from '../domain/model-spec.ts';
import type { Fault } from './errors.ts';
import type { CreateSession } from './schemas.ts';
import type { IntakeChecks, TaskDefaults } from './session-intake.ts';

/** What of a request says which model is to work, and for how much. */
type Asked = Pick<CreateSession, 'model' | 'limits'>;

/** The model that is asked for; what is left out is the server's own, as far as it is the same provider. */
export function modelSpecOf(
  body: Pick<CreateSession, 'model'>,
  { model: own }: Pick<TaskDefaults, 'model'>,
): ModelSpec {
  const { apiKey: _apiKey, ...model } = body.model ?? {};
  const sameProvider = model.provider === undefined || model.provider === own.provider;
  const all = { ...(sameProvider ? own : { thinkingLevel: 'off' }), ...model };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as ModelSpec;
}

/** What is wrong with the model that is asked for. */
export function modelFaults(body: Asked, defaults: TaskDefaults, { mayBeAt }: IntakeChecks): Fault[] {
  const { model } = body;
  if (model === undefined) return [];
  const { model: own } = defaults;
  const faults: Fault[] = [];
  if (!mayBeAt(modelSpecOf(body, defaults)))
    faults.push({ path: 'model.baseUrl', message: 'leads where this server may not connect to' });
  const elsewhere =
    (model.baseUrl !== undefined && model.baseUrl !== own.baseUrl) || (model.provider ?? own.provider) !== own.provider;
  if (model.provider === 'scripted-demo' && own.provider !== 'scripted-demo') {
    faults.push({ path: 'model.provider', message: 'scripted-demo is no model; it runs only in the demo' });
  } else if (elsewhere && model.apiKey === undefined) {
    faults.push({
      path: 'model.apiKey',
      message: "is needed with another provider or base URL: the server's own key never goes there",
    });
  }
  if (model.provider !== undefined && model.provider !== own.provider && model.id === undefined) {
    faults.push({ path: 'model.id', message: 'is needed with another provider' });
  }
  return faults;
}

/** The fault of a limit of money for a model that seems to cost nothing: it would never be reached. */
export const unpriced: Fault = {
  path: 'limits.maxCostUsd',
  message: 'needs a model whose price is known: see model.cost',
};

/** What is wrong with a limit of money. */
export function priceFaults(body: Asked, defaults: TaskDefaults, { isPriced }: IntakeChecks): Fault[] {
  const limited = (body.limits?.maxCostUsd ?? defaults.limits.maxCostUsd) !== undefined;
  if (!limited || isPriced(modelSpecOf(body, defaults))) return [];
  return [unpriced];
}
