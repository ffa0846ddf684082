import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { expect, test } from 'vitest';
import { idOf, KeyRing } from '../../src/sealing/key-ring.ts';
import { codecEndpoint } from '../../src/temporal/codec-endpoint.ts';
import { SealedPayloads } from '../../src/temporal/payload-codec.ts';

const [old, young] = [randomBytes(32), randomBytes(32)];
const plain = [{ text: 'canary' }, undefined, new Uint8Array([0, 10, 255]), 'ü'].map((value) =>
  defaultPayloadConverter.toPayload(value),
) as Payload[];
const values = (payloads: readonly Payload[]) =>
  payloads.map((payload) => defaultPayloadConverter.fromPayload<unknown>(payload));

test('payloads of every kind come back, and say which key sealed them', async () => {
  const codec = new SealedPayloads(new KeyRing(() => [old]));
  const sealed = await codec.encode(plain);
  for (const { metadata, data } of sealed) {
    expect(Buffer.from(metadata?.['encoding'] ?? []).toString()).toBe('binary/encrypted');
    expect(Buffer.from(metadata?.['encryption-key-id'] ?? []).toString()).toBe(idOf(old));
    expect(Buffer.from(data ?? []).includes('canary')).toBe(false);
  }
  expect(values(await codec.decode(sealed))).toEqual(values(plain));
});

test('after a rotation old histories still open, and what was never sealed is passed on', async () => {
  const sealed = await new SealedPayloads(new KeyRing(() => [old])).encode(plain);
  const after = new SealedPayloads(new KeyRing(() => [young, old]));
  expect(values(await after.decode([...sealed, ...plain]))).toEqual([...values(plain), ...values(plain)]);
  await expect(new SealedPayloads(new KeyRing(() => [young])).decode(sealed)).rejects.toThrow(idOf(old));
});

test('over the wire bytes are base64', async () => {
  const endpoint = codecEndpoint(new SealedPayloads(new KeyRing(() => [old])));
  const wire = {
    metadata: { encoding: Buffer.from('json/plain').toString('base64') },
    data: Buffer.from('"a"').toString('base64'),
  };
  const sealed = await endpoint.encode([wire]);
  expect(Buffer.from(sealed[0]?.metadata?.['encoding'] ?? '', 'base64').toString()).toBe('binary/encrypted');
  expect(await endpoint.decode(sealed)).toEqual([wire]);
});
