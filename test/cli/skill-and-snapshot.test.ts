import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canonicalJson, digestOf } from '../../src/digest/canonical-json.ts';
import { sampleContract } from '../api/sample-contract.ts';
import { workingApi } from '../api/setting.ts';
import { sampleSession, sampleSnapshot } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { holdfast, listen } from './setting.ts';

/** A server that cannot be there: what works with it needs none. */
const nowhere = { HOLDFAST_URL: 'http://127.0.0.1:1' };

function directory(files: Readonly<Record<string, string>>): string {
  const root = temporaryDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const snapshot = (changes: object = {}) =>
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

test('skill check names every fault by file and line without a server, and shows what a good skill declares', async () => {
  const root = directory({
    'good/SKILL.md': '---\nname: good\ndescription: d\nrequired_inputs: [module]\n---\nTidy {{module}}.\n',
    'misnamed/SKILL.md': '---\nname: other\ndescription: d\n---\n',
    'bad.md': '---\nname: Bad\ndescription: d\nrequired_tools: [fly]\n---\n\n{{nothing}}\n',
  });
  const good = holdfast(['skill', 'check', join(root, 'good')], nowhere);
  expect(await good.exit).toBe(0);
  expect(JSON.parse(good.stdout())).toMatchObject({ name: 'good', requiredInputs: [{ name: 'module' }] });
  const bad = holdfast(['skill', 'check', join(root, 'bad.md'), join(root, 'misnamed')], nowhere);
  expect(await bad.exit).toBe(1);
  const places = bad.stderr().replaceAll(`${root}/`, '').trim().split('\n');
  expect(places.map((line) => line.split(':').slice(0, 3).join(':'))).toEqual([
    'bad.md:2: name',
    'bad.md:4: required_tools.0',
    'bad.md:7: body',
    'misnamed/SKILL.md:1: name',
  ]);
  const none = holdfast(['skill', 'check', join(root, 'none.md')], nowhere);
  expect(await none.exit).toBe(2);
});

test('snapshot verify takes the digest itself: one changed value is seen, with a file and without a server', async () => {
  const digest = digestOf(canonicalJson(snapshot()));
  const root = directory({
    'kept.json': JSON.stringify({ digest, snapshot: snapshot() }, null, 2),
    'changed.json': JSON.stringify({ digest, snapshot: snapshot({ goal: 'Something else.' }) }),
  });
  const kept = holdfast(['snapshot', 'verify', join(root, 'kept.json'), '--digest', digest], nowhere);
  expect(await kept.exit).toBe(0);
  expect(JSON.parse(kept.stdout())).toEqual({ matches: true, expected: digest, found: digest });
  const changed = holdfast(['snapshot', 'verify', join(root, 'changed.json')], nowhere);
  expect(await changed.exit).toBe(1);
  expect(changed.stderr()).toContain('This is not what was frozen');
  const diff = holdfast(['snapshot', 'diff', join(root, 'kept.json'), join(root, 'changed.json')], nowhere);
  expect(await diff.exit).toBe(1);
  expect(JSON.parse(diff.stdout())).toEqual([{ path: 'goal', one: 'It is done.', two: 'Something else.' }]);
});

test('snapshot show and verify ask the server for a session', async () => {
  const { app, store } = workingApi();
  await store.sessions.create(sampleSession('ses_a'));
  const digest = await store.blobs.put('ses_a', canonicalJson(snapshot()));
  await store.sessions.setFrozen('ses_a', { digest, createdAt: 1, filesFrozen: 0, toolsWhitelisted: [] });
  const { url } = await listen(app.fetch);
  const verified = holdfast(['snapshot', 'verify', 'ses_a'], { HOLDFAST_URL: url });
  expect(await verified.exit).toBe(0);
  const shown = holdfast(['snapshot', 'show', 'ses_a'], { HOLDFAST_URL: url });
  expect(await shown.exit).toBe(0);
  expect(JSON.parse(shown.stdout())).toEqual({ digest, snapshot: snapshot() });
});

test('contract, waive and approve send what they are told, and a waiver of nothing is refused by name', async () => {
  const { app, store, temporal } = workingApi();
  await store.sessions.create(sampleSession('ses_a'));
  await store.sessions.setContract('ses_a', sampleContract(false));
  const { url } = await listen(app.fetch);
  const env = { HOLDFAST_URL: url };
  const root = directory({
    'edit.json': JSON.stringify({ acceptance: ['npm test'] }),
    'bad.json': JSON.stringify({ requiredTools: ['fly'], surprise: 1 }),
  });
  const run = async (...args: string[]) => {
    const command = holdfast(args, env);
    return { code: await command.exit, out: command.stdout(), err: command.stderr() };
  };
  expect((await run('contract', 'ses_a')).out).toContain('Which directory?');
  expect((await run('contract', 'ses_a', '--edit', join(root, 'edit.json'), '--by', 'Ada')).code).toBe(0);
  const refused = await run('contract', 'ses_a', '--edit', join(root, 'bad.json'));
  expect([refused.code, refused.err]).toEqual([
    2,
    expect.stringMatching(/edit\.requiredTools\.0[\s\S]*edit\.surprise/),
  ]);
  expect((await run('waive', 'ses_a', 'question:q1', '--reason', 'it does not matter', '--by', 'Ada')).code).toBe(0);
  const nothing = await run('waive', 'ses_a', 'file:none', '--reason', 'x');
  expect([nothing.code, nothing.err]).toEqual([2, expect.stringContaining('the contract has no file none')]);
  expect((await run('waive', 'ses_a', 'question:q1')).err).toContain('--reason is missing');
  expect((await run('approve', 'ses_a', '--by', 'Ada')).code).toBe(0);
  const sent = temporal.sent.map(({ kind, message }) => ({ kind, ...message }));
  expect(sent).toMatchObject([
    { kind: 'supplyInfo', edit: expect.stringMatching(/^sha256:/), by: 'Ada' },
    { kind: 'supplyInfo', waive: [{ kind: 'question', name: 'q1', reason: 'it does not matter' }], by: 'Ada' },
    { kind: 'approve', by: 'Ada' },
  ]);
  const { edit = '' } = sent[0] as { edit?: string };
  expect(JSON.parse((await store.blobs.get(edit)).toString())).toEqual({ acceptance: ['npm test'] });
});
