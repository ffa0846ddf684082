import { join } from 'node:path';
import type { DataConverter } from '@temporalio/common';
import type { KeyRing } from '../sealing/key-ring.ts';
import { SealedPayloads } from './payload-codec.ts';

/** Also for the bundle of the workflows: they make failures too. */
const failureConverterPath = join(import.meta.dirname, 'failure-converter.ts');

/** What client and worker must both have so that Temporal holds no plain text; undefined leaves Temporal's own. */
export function dataConverterFor(ring: KeyRing | null): DataConverter | undefined {
  return ring === null ? undefined : { payloadCodecs: [new SealedPayloads(ring)], failureConverterPath };
}
