import * as z from 'zod';
import { isTarName } from './tar.ts';

/** The parts that are not listed in the manifest: itself, and its digest. */
export const MANIFEST = 'manifest.json';
export const MANIFEST_DIGEST = 'manifest.sha256';

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** The list of the parts of a bundle, in the order in which they follow. */
export const Manifest = z.strictObject({
  format: z.literal('holdfast-bundle/1'),
  sessionId: z.string(),
  state: z.string(),
  /** Digest of the snapshot: the one in commit, webhook and report; null before the freeze. */
  snapshot: Digest.nullable(),
  parts: z.array(z.strictObject({ name: z.string().refine(isTarName), sha256: Digest, size: z.int().min(0) })),
});
export type Manifest = z.infer<typeof Manifest>;

/** The bytes of a manifest. */
export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}
