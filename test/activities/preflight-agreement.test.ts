import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { canonicalJson, digestOf } from '../../src/digest/canonical-json.ts';
import { ContractEdit } from '../../src/domain/contract-edit.ts';
import { preflightSetting } from './preflight-setting.ts';

const waiver = { kind: 'script', name: 'no.sh', reason: 'it is written by the task', by: 'Ada', at: 7 } as const;
const skill = {
  kind: 'inline',
  text: '---\nname: s\ndescription: d\nrequired_scripts: [no.sh]\nacceptance: ["test -s a"]\n---\nGo.\n',
} as const;

test('an edit replaces what the model put there and nothing else; a second check changes nothing any more', async () => {
  const { check, store } = await preflightSetting({
    files: { 'src/a.ts': '' },
    task: { skill },
    contract: {
      requiredFiles: ['src/**', 'lib/**'],
      requiredInputs: ['port'],
      acceptance: ['nonesuch'],
      assumptions: ['Node 24'],
    },
  });
  expect((await check()).agreed.questions).toHaveLength(1);
  const edit = await store.blobs.put(
    'ses_preflight',
    JSON.stringify({
      goal: 'As people say.',
      requiredInputs: [],
      requiredFiles: ['src/**', 'docs/**'],
      requiredScripts: [],
      acceptance: ['test -d src'],
      assumptions: [],
    }),
  );
  const { agreed, contract, missing } = await check({ edits: [edit] });
  expect(agreed).toMatchObject({ goal: 'As people say.', requiredInputs: [], questions: [], assumptions: [] });
  expect(agreed.items.map(({ kind, name, source, state }) => `${kind} ${name} ${source} ${state}`)).toEqual([
    'command test -s a skill satisfied',
    'command test -d src person satisfied',
    'script no.sh skill missing',
    'file src/** model satisfied',
    'file docs/** person missing',
  ]);
  expect(missing).toHaveLength(2);
  const again = await check({ edits: [edit] });
  expect([again.agreed, again.contract]).toEqual([agreed, contract]);
});

test('what the contract has cost is on record with it, a call that came to nothing included, and is no part of what is frozen', async () => {
  const { freeze, check, store } = await preflightSetting({
    contract: ({ turn }) => (turn === 0 ? { goal: '' } : {}),
  });
  const { contract, contractUsage } = await store.sessions.get('ses_preflight');
  expect(contractUsage).toMatchObject({ turns: 0, wallMs: expect.any(Number) });
  expect(contractUsage?.inputTokens).toBeGreaterThan(100);
  expect(JSON.stringify(contract)).not.toContain('inputTokens');
  await check();
  await freeze();
  expect((await store.sessions.get('ses_preflight')).contractUsage).toEqual(contractUsage);
});

test('a waiver stands in contract, snapshot and the words to the agent, with who said so, when and why', async () => {
  const { check, freeze } = await preflightSetting({ task: { skill } });
  expect((await check()).missing).toHaveLength(1);
  const { agreed, missing } = await check({ waivers: [waiver] });
  expect(missing).toEqual([]);
  expect(agreed.items.find(({ name }) => name === 'no.sh')).toMatchObject({
    state: 'waived',
    evidence: 'waived by Ada: it is written by the task',
    waiver: { reason: 'it is written by the task', by: 'Ada', at: 7 },
  });
  const { snapshot } = await freeze({ waivers: [waiver] });
  expect(snapshot.waivers).toEqual([waiver]);
});

test('the approved contract is the frozen one, held as a blob under the digest that was approved', async () => {
  const { check, freeze, store } = await preflightSetting({ task: { requireApproval: true } });
  const { contract = '', agreed } = await check();
  const approval = { contract, by: 'Ada', at: 9 };
  const { snapshot } = await freeze({ approval });
  expect(snapshot).toMatchObject({ approval, contract });
  const held = (await store.blobs.get(snapshot.contract)).toString();
  expect([digestOf(held), held]).toEqual([contract, canonicalJson(agreed)]);
});

test('a contract that is not the one that was approved is never frozen', async () => {
  const { check, freeze, store } = await preflightSetting({ task: { requireApproval: true } });
  const { contract = '', agreed } = await check();
  await store.sessions.setContract('ses_preflight', { ...agreed, goal: 'Something else.' });
  await expect(freeze({ approval: { contract, by: 'Ada', at: 9 } })).rejects.toMatchObject({
    code: 'CONTRACT_CHANGED',
  });
  expect((await store.sessions.get('ses_preflight')).frozen).toBeNull();
});

test('freezing twice, as after a kill between the blob and the record, is freezing once', async () => {
  const { check, freeze } = await preflightSetting({ files: { 'a.txt': 'a' }, contract: { requiredFiles: ['*.txt'] } });
  await check();
  const [first, second] = [await freeze(), await freeze()];
  expect(second.frozen).toEqual(first.frozen);
  expect(first.snapshot).toMatchObject({
    files: [{ path: 'a.txt', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    servedModel: 'task',
    model: { baseUrl: expect.stringMatching(/^http/) },
    sandbox: { limits: { wallMs: 600_000 } },
  });
});

test('a tool or a host that a person lets stand is given by it, whoever named it; the network of the snapshot is what persons gave', async () => {
  const { check, freeze, store } = await preflightSetting({
    files: { 'skill.md': '---\nname: s\ndescription: d\negress: [pypi.org]\n---\nGo.\n' },
    task: { skill: { kind: 'path', path: 'skill.md' } },
    contract: { requiredTools: ['task'] },
  });
  const edited = async (...edits: object[]) => {
    const blobs = edits.map((edit) => store.blobs.put('ses_preflight', canonicalJson(edit)));
    const { agreed } = await check({ edits: await Promise.all(blobs) });
    const asked = agreed.items.filter(({ kind }) => kind === 'tool' || kind === 'host');
    return asked.map(({ name, source, state }) => `${name} ${source} ${state}`);
  };
  const nothingGiven = ['task model unverified', 'pypi.org skill missing'];
  expect(await edited({ goal: 'Another.' })).toEqual(nothingGiven);
  const given = { requiredTools: ['task'], egress: ['pypi.org', '*.example.org:8443'] };
  const withEach = ['pypi.org skill satisfied', '*.example.org:8443 person satisfied', 'task model satisfied'];
  expect(await edited(given)).toEqual(withEach);
  expect(await edited(given, { requiredTools: [], egress: [] })).toEqual(['pypi.org skill missing']);
  expect(await edited(given)).toContain('pypi.org skill satisfied');
  const { snapshot } = await freeze();
  expect(snapshot.sandbox.network).toEqual(['*.example.org:8443', 'pypi.org']);
  expect(snapshot.tools).toContain('task');
});

test('a blob that is no edit is refused in words, whoever named it, and not tried for ever', async () => {
  const { check, store } = await preflightSetting();
  const wrong = await Promise.all(
    ['{"goal":1}', 'no JSON', '{}'].map((text) => store.blobs.put('ses_preflight', text)),
  );
  for (const blob of [...wrong, `sha256:${'0'.repeat(64)}`]) {
    await expect(check({ edits: [blob] })).rejects.toMatchObject({ code: 'INVALID_REQUEST', retryable: false });
  }
});

test.each(['10.0.0.1', 'https://a.example', '*'])('%s is no host that an edit could give', (rule) => {
  expect(ContractEdit.safeParse({ egress: [rule] }).success).toBe(false);
});

test('what the skill demands is hashed while the model writes, and the freeze finds it done', async () => {
  const demands = '---\nname: s\ndescription: d\nrequired_files: ["src/**"]\n---\nGo.\n';
  const { check, freeze, skillsDir } = await preflightSetting({
    files: { 'src/a.ts': 'a', 'src/b.ts': 'b', 'c.ts': 'c' },
    task: { skill: { kind: 'inline', text: demands } },
    contract: { requiredFiles: ['c.ts'] },
  });
  const [memory = ''] = globSync(join(skillsDir, '..', 'work', '*', 'git', 'holdfast-sha256'));
  const remembered = () => readFileSync(memory, 'utf8').trim().split('\n').slice(1);
  // The rest is hashed as far as there was time.
  expect(remembered().length).toBeGreaterThanOrEqual(2);
  await check();
  const { snapshot } = await freeze();
  expect(snapshot.files.map(({ path }) => path)).toEqual(['c.ts', 'src/a.ts', 'src/b.ts']);
  expect(remembered()).toHaveLength(3);
});
