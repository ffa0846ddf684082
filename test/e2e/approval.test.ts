import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting();
});
afterAll(() => setting.stop());

const skillText = `---
name: greet
description: How we greet.
required_scripts: [no-such-script.sh]
---
Greet.
`;

test('a contract is read, waived, changed and approved before the freeze, across kill -9 of the worker, and all of it is on record', async () => {
  const { git, holdfast, remoteSha, request, webhooks } = setting;
  const repoUrl = await git.createRepository('gate', { 'README.md': '# sample\n' });
  const id = await holdfast.create(request('readme', repoUrl, { requireApproval: true, skillText }));
  const at = (stage: string) => until(async () => (await holdfast.session(id)).stage === stage, 60_000);
  const post = (path: string, body: object) => holdfast.call('POST', `/api/sessions/${id}/${path}`, body);
  await at('awaiting_input');

  const waive = [{ kind: 'script', name: 'no-such-script.sh', reason: 'it is not needed here' }];
  const waived = await post('preflight', { waive, by: 'ada@example.org' });
  expect(waived.body.data).toMatchObject({
    canProceed: false,
    missingInfo: [],
    message: expect.stringContaining('approve'),
  });
  await at('awaiting_approval');
  expect((await post('execute', {})).body.error).toMatchObject({ code: 'APPROVAL_REQUIRED' });

  const edited = await post('contract', { edit: { acceptance: ['test -s hello.txt'] }, by: 'ada@example.org' });
  expect([edited.status, edited.body.data.contract.acceptance]).toEqual([200, ['test -s hello.txt']]);
  const { contractDigest } = edited.body.data;
  expect((await post('contract', { edit: { requiredTools: ['fly'] } })).body.error).toMatchObject({
    code: 'INVALID_REQUEST',
  });
  const stale = await post('approve', { contract: waived.body.data.contractDigest });
  expect([stale.status, stale.body.error.code]).toEqual([409, 'CONTRACT_CHANGED']);

  await holdfast.kill('worker');
  await until(
    async () => (await post('approve', { contract: contractDigest, by: 'ada@example.org' })).status < 300,
    60_000,
  );
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { verified: true } });

  const { snapshot, digest } = (await holdfast.call('GET', `/api/sessions/${id}/snapshot`)).body.data;
  expect(snapshot).toMatchObject({
    contract: contractDigest,
    approval: { contract: contractDigest, by: 'ada@example.org', at: expect.any(Number) },
    waivers: [{ ...waive[0], by: 'ada@example.org' }],
    acceptance: ['test -s hello.txt'],
  });
  const options = ['-c', 'safe.directory=*', '--git-dir', git.pathOf('gate')];
  const message = execFileSync('git', [...options, 'log', '-1', '--format=%B', done.result.branch], {
    encoding: 'utf8',
  });
  expect(message).toContain('- script no-such-script.sh, by ada@example.org: it is not needed here');
  expect(message).toContain(`Holdfast-Snapshot: ${digest}`);
  expect(remoteSha('gate', done.result.branch)).toBe(done.result.commit);
  const told = () =>
    webhooks.received.some(({ payload }) => payload.session_id === id && payload.status === 'awaiting_approval');
  await until(told);
  const late = await post('approve', { contract: contractDigest });
  expect([late.status, late.body.error.code]).toEqual([409, 'SESSION_CLOSED']);
});
