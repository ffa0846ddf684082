import type { Payload, PayloadCodec } from '@temporalio/common';

/** A payload as the remote codec protocol of Temporal's Web UI and command line spells it: bytes in base64. */
export interface WirePayload {
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly data?: string | undefined;
}

/** A codec behind HTTP. */
export interface CodecEndpoint {
  encode(payloads: readonly WirePayload[]): Promise<WirePayload[]>;
  decode(payloads: readonly WirePayload[]): Promise<WirePayload[]>;
}

/** The codec in the words of that protocol. */
export function codecEndpoint(codec: PayloadCodec): CodecEndpoint {
  const through = (way: 'encode' | 'decode') => async (payloads: readonly WirePayload[]) =>
    (await codec[way](payloads.map(fromWire))).map(toWire);
  return { encode: through('encode'), decode: through('decode') };
}

function fromWire({ metadata = {}, data = '' }: WirePayload): Payload {
  const bytes = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return { metadata: Object.fromEntries(bytes) as Record<string, Buffer>, data: Buffer.from(data, 'base64') };
}

function toWire({ metadata, data }: Payload): WirePayload {
  const texts = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]);
  return { metadata: Object.fromEntries(texts), data: Buffer.from(data ?? []).toString('base64') };
}
