import { z } from '@hono/zod-openapi';
import { ContractEdit } from '../domain/contract-edit.ts';
import { Waiver } from '../domain/waiver.ts';

const requestId = z.string().min(1).max(200).optional();

/** Who sends something: Holdfast does not check it, it only writes it down. */
const By = z.string().trim().min(1).max(200).optional().openapi({
  description: 'Who says so, in your own words; noted in contract, snapshot, commit and report.',
  example: 'ada@example.org',
});

/** Items that the work may start without; part of the body of `POST …/preflight`. */
export const waiving = {
  waive: z
    .array(Waiver.pick({ kind: true, name: true, reason: true }))
    .max(100)
    .optional()
    .openapi({ description: 'Items of the contract that the work may start without, each with the reason.' }),
  by: By,
};

/** Body of `POST …/contract`. */
export const EditBody = z.strictObject({ edit: ContractEdit, by: By, requestId }).openapi('ContractEdit');

/** Body of `POST …/approve`. */
export const ApproveBody = z
  .strictObject({
    contract: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, 'must be a digest')
      .optional()
      .openapi({ description: 'Digest of the contract that was read; the approval of another one is refused.' }),
    by: By,
    requestId,
  })
  .openapi('Approve');
