import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { SnapshotBuilder } from '../../src/activities/snapshot-builder.ts';
import { canonicalJson } from '../../src/digest/canonical-json.ts';
import { sampleContract } from '../api/sample-contract.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { openStore } from '../../src/store/store.ts';
import { sampleSession, sampleSnapshot } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const sample = (changes: Partial<Snapshot> = {}): Snapshot =>
  sampleSnapshot(
    {
      sessionId: 'ses_a',
      source: { kind: 'repository', url: 'https://git.example.test/x' },
      base: { commit: 'c', tree: 't', ref: 'r' },
      model: { provider: 'anthropic', id: 'm', thinkingLevel: 'off' },
      limits: { maxSteps: 5, maxIterations: 1 },
    },
    changes,
  );

async function builder() {
  const directory = temporaryDirectory();
  const store = openStore({ directory });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_a'));
  return { directory, store, snapshots: new SnapshotBuilder(store) };
}

test('a snapshot is loaded as it was frozen, and its digest is on record', async () => {
  const { snapshots, store } = await builder();
  const frozen = await snapshots.freeze(sample({ files: [{ path: 'a', sha256: 'b' }] }), sampleContract(true));
  expect(frozen).toMatchObject({ filesFrozen: 1, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
  expect(await snapshots.load(frozen.digest)).toEqual(sample({ files: [{ path: 'a', sha256: 'b' }] }));
  expect((await store.sessions.get('ses_a')).frozen).toEqual(frozen);
});

test('the same agreement has the same digest, whatever the order of its keys', async () => {
  const { snapshots } = await builder();
  const reversed = Object.fromEntries(Object.entries(sample()).toReversed()) as Snapshot;
  expect((await snapshots.freeze(reversed, sampleContract(true))).digest).toBe(
    (await snapshots.freeze(sample(), sampleContract(true))).digest,
  );
});

test('the hosts that commands may reach are part of what is frozen', async () => {
  const { snapshots } = await builder();
  const open = (network: Snapshot['sandbox']['network']) => sample({ sandbox: { kind: 'bwrap', network } });
  const frozen = await snapshots.freeze(open(['a.test', 'b.test']), sampleContract(true));
  expect((await snapshots.load(frozen.digest)).sandbox.network).toEqual(['a.test', 'b.test']);
  const digests = await Promise.all(
    ['none' as const, ['a.test']].map(
      async (network) => (await snapshots.freeze(open(network), sampleContract(true))).digest,
    ),
  );
  expect(new Set([frozen.digest, ...digests]).size).toBe(3);
});

test('any change of any text changes the canonical form', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.constantFrom('prompt', 'skillText', 'goal', 'branch', 'systemPrompt'),
      (one, two, field) => {
        const same = canonicalJson(sample({ [field]: one })) === canonicalJson(sample({ [field]: two }));
        expect(same).toBe(one === two);
      },
    ),
  );
});

test('a snapshot that was tampered with is refused when it is loaded', async () => {
  const { snapshots, directory } = await builder();
  const { digest } = await snapshots.freeze(sample(), sampleContract(true));
  const hex = digest.slice('sha256:'.length);
  const file = join(directory, 'blobs', hex.slice(0, 2), hex);
  expect(readdirSync(join(directory, 'blobs', hex.slice(0, 2)))).toEqual([hex]);
  writeFileSync(file, canonicalJson(sample({ prompt: 'Do something else.' })));
  await expect(snapshots.load(digest)).rejects.toMatchObject({ code: 'SNAPSHOT_TAMPERED' });
});

test('a blob that is no snapshot is not taken for one', async () => {
  const { snapshots, store } = await builder();
  const digest = await store.blobs.put('ses_a', '{"version":1}');
  await expect(snapshots.load(digest)).rejects.toMatchObject({ code: 'SNAPSHOT_TAMPERED' });
});
