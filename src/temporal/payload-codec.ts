import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from '@temporalio/common';
import type { KeyRing } from '../sealing/key-ring.ts';

const SEALED = Buffer.from('binary/encrypted');
const KEY_ID = 'encryption-key-id';
/** No payload opens as a secret, and no secret as a payload. */
const CONTEXT = 'temporal payload';

/**
 * Seals everything that Temporal keeps for us: arguments, results, details of failures, memos, summaries. What is not sealed is passed on as it
 * is: histories from before, and signals that people send with Temporal's own command. The id of the key stands beside a payload.
 */
export class SealedPayloads implements PayloadCodec {
  readonly #ring: KeyRing;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => this.#seal(payload));
  }

  /** @throws HoldfastError SECRET_UNREADABLE */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (isSealed(payload) ? this.#open(payload) : payload));
  }

  #seal({ metadata, data }: Payload): Payload {
    const [keyId = ''] = this.#ring.ids;
    const names = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
    const head = Buffer.from(`${JSON.stringify(Object.fromEntries(names))}\n`);
    return {
      metadata: { [METADATA_ENCODING_KEY]: SEALED, [KEY_ID]: Buffer.from(keyId) },
      data: this.#ring.seal(Buffer.concat([head, data ?? Buffer.alloc(0)]), CONTEXT),
    };
  }

  #open({ data }: Payload): Payload {
    const plain = this.#ring.open(data ?? Buffer.alloc(0), CONTEXT);
    const end = plain.indexOf('\n');
    const names = JSON.parse(plain.subarray(0, end).toString('utf8')) as Record<string, string>;
    const metadata = Object.entries(names).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
    return { metadata: Object.fromEntries(metadata) as Record<string, Buffer>, data: plain.subarray(end + 1) };
  }
}

function isSealed({ metadata }: Payload): boolean {
  const encoding = metadata?.[METADATA_ENCODING_KEY];
  return encoding !== undefined && encoding !== null && SEALED.equals(encoding);
}
