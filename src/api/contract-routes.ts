import { createRoute, OpenAPIHono, type z } from '@hono/zod-openapi';
import { canonicalJson } from '../digest/canonical-json.ts';
import { isWaivable } from '../domain/assessment.ts';
import type { Contract } from '../domain/contract.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Waiver } from '../domain/waiver.ts';
import type { Store } from '../store/store.ts';
import { ApproveBody, EditBody } from './contract-schemas.ts';
import { invalid, refuseInvalid, type Fault } from './errors.ts';
import { defined, openSession } from './open-session.ts';
import * as schemas from './schemas.ts';
import type { Sessions } from './session-manager.ts';
import { preflightView } from './session-view.ts';

const WAIT_MS = 60_000;

/** What the routes of the contract work with. */
export interface ContractRouteDeps {
  readonly store: Store;
  readonly sessions: Pick<Sessions, 'supplyInfo' | 'approve'>;
}

/** The routes below `/api/sessions/{id}` by which persons change and approve a contract before it is frozen. */
export function contractRoutes({ sessions, store }: ContractRouteDeps): OpenAPIHono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  app.openapi(posting('/{id}/contract', 'Change the contract before the freeze', EditBody), async (c) => {
    const { id } = c.req.valid('param');
    const { edit, ...message } = c.req.valid('json');
    const session = await openSession(store, id);
    if (session.contract === null) throw noContract();
    if (session.frozen !== null) throw new HoldfastError('CONTRACT_FROZEN', 'The contract is frozen.');
    const blob = await store.blobs.put(id, canonicalJson(edit));
    const told = await sessions.supplyInfo(session, defined({ ...message, edit: blob }), WAIT_MS);
    const view = preflightView(await store.sessions.get(id), told.kind === 'answered');
    return told.kind === 'answered' ? c.json(ok(view), 200) : c.json(ok(view), 202);
  });
  app.openapi(posting('/{id}/approve', 'Approve the contract as it stands', ApproveBody), async (c) => {
    const { id } = c.req.valid('param');
    const told = await sessions.approve(await openSession(store, id), defined(c.req.valid('json')));
    const view = preflightView(await store.sessions.get(id), told.kind === 'answered');
    return told.kind === 'answered' ? c.json(ok(view), 200) : c.json(ok(view), 202);
  });
  return app;
}

/**
 * Checks waivers against the contract: each must name an item that is there and can be waived.
 * @throws HoldfastError PREFLIGHT_REQUIRED without a contract, INVALID_REQUEST with every fault
 */
export function checkWaivers(contract: Contract | null, waive: readonly Pick<Waiver, 'kind' | 'name'>[]): void {
  if (waive.length === 0) return;
  if (contract === null) throw noContract();
  const faults = waive.flatMap(({ kind, name }, index): Fault[] => {
    const item = contract.items.find((candidate) => candidate.kind === kind && candidate.name === name);
    const path = `waive.${index}`;
    if (item === undefined) return [{ path, message: `the contract has no ${kind} ${name}` }];
    return isWaivable(item)
      ? []
      : [{ path, message: `the skill's text needs a value for the input ${name}: give one` }];
  });
  if (faults.length > 0) throw invalid(faults);
}

function noContract(): HoldfastError {
  return new HoldfastError('PREFLIGHT_REQUIRED', 'There is no contract yet.');
}

const ok = <T>(data: T) => ({ success: true as const, data });

function posting<P extends string, T extends z.ZodType>(path: P, summary: string, body: T) {
  const content = { 'application/json': { schema: schemas.answer(schemas.PreflightAnswer) } };
  return createRoute({
    method: 'post',
    path,
    summary,
    request: {
      params: schemas.SessionPath,
      body: { content: { 'application/json': { schema: body } }, required: false },
    },
    responses: {
      200: { content, description: 'Taken and checked' },
      202: { content, description: 'Left for a worker' },
      default: {
        content: { 'application/json': { schema: schemas.ErrorAnswer } },
        description: 'What is wrong, and what to do about it',
      },
    },
  });
}
