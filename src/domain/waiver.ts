import * as z from 'zod';

/** What a contract can demand. */
export const itemKinds = [
  'input',
  'file',
  'tool',
  'script',
  'command',
  'remote',
  'host',
  'content',
  'question',
] as const;
export type ItemKind = (typeof itemKinds)[number];

/** A person's word that the work may start without something, and why: it stands in contract, snapshot, commit and report. */
export const Waiver = z.strictObject({
  kind: z.enum(itemKinds),
  /** The name of the item, as the contract lists it. */
  name: z.string().min(1).max(1_000),
  reason: z.string().trim().min(1).max(1_000),
  /** Who says so, in the caller's own words. */
  by: z.string().trim().min(1).max(200),
  /** Epoch milliseconds. */
  at: z.int(),
});
export type Waiver = z.infer<typeof Waiver>;

/** A person's consent to one contract and no other. */
export const Approval = z.strictObject({
  /** Digest of the contract's canonical JSON. */
  contract: z.string(),
  by: z.string().trim().min(1).max(200),
  /** Epoch milliseconds. */
  at: z.int(),
});
export type Approval = z.infer<typeof Approval>;
