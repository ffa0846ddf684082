import { expect, test } from 'vitest';
import { Credentials } from '../../src/activities/credentials.ts';
import { SourceImporter } from '../../src/activities/source-importer.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { until } from '../support/holdfast.ts';
import { delegation, task } from '../support/delegation.ts';
import { ended, startAttempt } from './attempt-process.ts';
import { outsideCounter } from './outside-counter.ts';
import { reaching, runnerSetting, SESSION, type RunnerSetting } from './runner-setting.ts';

const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };
const UNKNOWN = 'Outcome unknown';

/** Asks the counter, which is seen outside, and writes down that it did, which is seen in the files. */
const call = (host: string, path: string, holdMs = 0) => ({
  name: 'bash',
  args: {
    command: `echo begun ${path} >> log; curl -sS http://${host}${path} && echo done ${path} >> log${holdMs ? `; sleep ${holdMs / 1000}` : ''}`,
  },
});
const write = (path: string) => ({ name: 'write', args: { path, content: `${path}\n` } });

interface CallsSetting extends RunnerSetting {
  readonly counter: Awaited<ReturnType<typeof outsideCounter>>;
  /** What the model was told of the calls of its first reply. */
  readonly told: string[];
}

/** One reply with two calls to the outside between three local ones; a second one with one more; then the end. */
async function calls(
  tools = (host: string) => [write('a'), call(host, '/1'), write('b'), call(host, '/2'), write('c')],
): Promise<CallsSetting> {
  const counter = await outsideCounter();
  const told: string[] = [];
  const setting = await runnerSetting({
    turns: ({ turn, lastResults }) => {
      if (turn === 1) told.splice(0, told.length, ...lastResults);
      return [{ tools: tools(counter.host) }, { tools: [call(counter.host, '/3')] }, submit][turn];
    },
  });
  return { ...reaching(setting, [counter.host]), counter, told };
}

/**
 * Goes on in another process than the killed one and checks that outside, files and model agree: what the model was told had happened
 * has happened once and left its traces; what it was told is unknown has left none and happened at most once.
 */
async function expectAgreement(
  { chunk, counter, file, model, store, told }: CallsSetting,
  unknown: number | null,
): Promise<void> {
  const end = await chunk();
  expect(end).toMatchObject({ outcome: 'submitted', turns: 3 });
  const log = (await file(end.tree, 'log')) ?? '';
  expect(told).toHaveLength(5);
  for (const [position, path] of [
    [1, '/1'],
    [3, '/2'],
  ] as const) {
    const isUnknown = position === unknown;
    expect(told[position]).toContain(isUnknown ? UNKNOWN : `counted ${path}`);
    expect(log.includes(path)).toBe(!isUnknown);
    if (isUnknown) expect(counter.count(path)).toBeLessThanOrEqual(1);
    else expect(counter.count(path)).toBe(1);
  }
  expect(counter.count('/3')).toBe(1);
  expect(log).toBe(
    ['/1', '/2', '/3']
      .filter((path) => log.includes(path))
      .map((path) => `begun ${path}\ndone ${path}\n`)
      .join(''),
  );
  for (const path of ['a', 'b', 'c']) expect(await file(end.tree, path)).toBe(`${path}\n`);
  for (const position of [0, 2, 4]) expect(told[position]).toContain('Successfully wrote');
  const entries = (await store.journal.transcript(SESSION)) as { id: string; parentId: string | null }[];
  expect(JSON.stringify(entries)).not.toContain('No result provided');
  expect(entries.slice(1).map(({ parentId }) => parentId)).toEqual([null, ...entries.slice(1, -1).map(({ id }) => id)]);
  expect(model.journal().filter(({ turn, outcome }) => turn === 0 && outcome === 'ok')).toHaveLength(1);
}

// The journal is appended to by the reply (1) and by each result (2 to 6); trees are taken after each call to the outside and at the end.
test.each([
  ['before the first is put on record', 'before-begin-1', null],
  ['after it is put on record and before it starts', 'after-begin-1', 1],
  ['after it has ended and before its files are taken', 'before-tree-1', 1],
  ['after its files are taken and before its result is recorded', 'before-append-3', 1],
  ['after its result is recorded', 'after-append-3', null],
  ['between the two, after a local call', 'before-append-4', null],
  ['before the second is put on record', 'before-begin-2', null],
  ['after the second is put on record', 'after-begin-2', 3],
  ['before the result of the second is recorded', 'before-append-5', 3],
  ['after the result of the second is recorded', 'after-append-5', null],
  ['after the last result of the turn', 'after-append-6', null],
  ['before the checkpoint of the turn is committed', 'before-commit-1', null],
  ['after the checkpoint of the turn is committed', 'after-commit-1', null],
])(
  'kill -9 %s (%s): no call to the outside is repeated, and nobody is told what is not so',
  async (_, moment, unknown) => {
    const setting = await calls();
    expect(await ended(startAttempt(setting, moment))).toBe('SIGKILL');
    await expectAgreement(setting, unknown);
  },
);

test('kill -9 while a call runs that has reached the outside: it is not run again, and what it wrote is not there', async () => {
  const setting = await calls((host) => [
    write('a'),
    call(host, '/1', 60_000),
    write('b'),
    call(host, '/2'),
    write('c'),
  ]);
  const child = startAttempt(setting, 'never');
  await until(() => setting.counter.count('/1') === 1);
  child.kill('SIGKILL');
  expect(await ended(child)).toBe('SIGKILL');
  await expectAgreement(setting, 1);
  expect(setting.counter.count('/1')).toBe(1);
});

test('one kill after the other in the same reply: each attempt goes on from the last recorded end', async () => {
  const setting = await calls();
  // Each attempt counts its own writes from 1; a call whose end is recorded is not put on record again.
  for (const moment of [
    'after-append-3',
    'after-append-1',
    'before-append-4',
    'after-begin-1',
    'after-append-2',
    'before-commit-1',
  ])
    expect(await ended(startAttempt(setting, moment))).toBe('SIGKILL');
  await expectAgreement(setting, 3);
});

test('an attempt on a host that has none of the files restores those of the last recorded end', async () => {
  const setting = await calls();
  expect(await ended(startAttempt(setting, 'after-append-3'))).toBe('SIGKILL');
  const { git, snapshot, store } = setting;
  const { source, base } = snapshot;
  await git.remove(SESSION);
  await git.ensureBase(SESSION, source, base);
  await store.sessions.setBase(SESSION, base);
  const credentials = new Credentials(store, { spec: snapshot.model, key: () => undefined });
  await new SourceImporter({ store, git, credentials }).ensure(SESSION, new AbortController().signal);
  await expectAgreement(setting, null);
});

/** An agent that changes files, reaches out, changes files again and has a sub-agent do the same; the first edit cannot be made twice. */
async function delegated(): Promise<CallsSetting> {
  const counter = await outsideCounter();
  const told: string[] = [];
  const edit = (from: string, to: string) => ({
    name: 'edit',
    args: { path: 'a', edits: [{ oldText: from, newText: to }] },
  });
  const scenario = delegation({
    main: [
      { tools: [{ name: 'write', args: { path: 'a', content: '0' } }] },
      {
        tools: [
          edit('0', '1'),
          call(counter.host, '/1'),
          edit('1', '2'),
          task('part'),
          edit('4', '5'),
          call(counter.host, '/4'),
        ],
      },
      submit,
    ],
    part: [
      { tools: [edit('2', '3'), call(counter.host, '/2'), edit('3', '4')] },
      { tools: [call(counter.host, '/3')] },
      submit,
    ],
  });
  const turns = scenario.turns as Exclude<typeof scenario.turns, readonly Turn[]>;
  const setting = await runnerSetting({
    turns: (conversation) => {
      if (conversation.turn > 0) told.push(...conversation.lastResults);
      return turns(conversation);
    },
  });
  return { ...reaching(setting, [counter.host]), counter, told };
}

// Begun are 1: /1, 2: /2 and 3: /3 of the sub-agent, 4: /4. Journal entries of the second turn are 3 (reply), 4 edit, 5 /1, 6 edit; the
// sub-agent's are 7 (reply), 8 edit, 9 /2, 10 edit, 11 (reply), 12 /3, 13, 14; then 15 task, 16 edit, 17 /4.
test.each([
  ['before the sub-agent has begun', 'after-append-6', []],
  ['after the first edit of the sub-agent', 'after-append-8', []],
  ['when its call is put on record', 'after-begin-2', ['/2']],
  ['after its call', 'after-append-9', []],
  ['after its last result', 'after-append-10', []],
  ['after its first checkpoint, in its second call', 'after-begin-3', ['/3']],
  ['after its second call', 'after-append-12', []],
  ['when its parent goes on', 'after-append-15', []],
  ["in its parent's next call", 'after-begin-4', ['/4']],
  ["after its parent's next call", 'after-append-17', []],
] as const)('kill -9 in a reply with a sub-agent %s (%s): nobody repeats anything', async (_, moment, unknown) => {
  const setting = await delegated();
  const { chunk, counter, file, told } = setting;
  expect(await ended(startAttempt(setting, moment))).toBe('SIGKILL');
  const end = await chunk();
  expect(end).toMatchObject({ outcome: 'submitted' });
  expect(await file(end.tree, 'a')).toBe('5');
  const paths = ['/1', '/2', '/3', '/4'] as const;
  const happened = paths.filter((path) => !(unknown as readonly string[]).includes(path));
  for (const path of paths) expect(counter.count(path)).toBe(happened.includes(path) ? 1 : 0);
  expect(await file(end.tree, 'log')).toBe(happened.map((path) => `begun ${path}\ndone ${path}\n`).join(''));
  for (const path of happened) expect(told.join()).toContain(`counted ${path}`);
  expect(told.filter((text) => text.includes(UNKNOWN))).toHaveLength(unknown.length);
  expect(told.join()).not.toContain('Could not find');
});
