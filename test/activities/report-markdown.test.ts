import { expect, test } from 'vitest';
import { toMarkdown } from '../../src/activities/report-markdown.ts';
import { skippedOf, type Report } from '../../src/activities/report.ts';

const report = (changes: Partial<Report> = {}): Report => ({
  sessionId: 'ses_a',
  taskId: 'ses_a',
  outcome: 'COMPLETE',
  goal: 'It works.',
  snapshot: 'sha256:1',
  base: 'b',
  branch: 'feat/x',
  commit: 'c',
  tree: 't',
  verified: true,
  note: null,
  failure: null,
  plan: [],
  summary: null,
  answers: [],
  assumptions: [],
  waived: [],
  drift: [],
  skipped: [],
  changes: [],
  diffstat: { files: 0, additions: 0, deletions: 0 },
  checks: [],
  syntax: [],
  rounds: [],
  usage: {
    turns: 1,
    tokens: 2,
    costUsd: 0.5,
    wallMs: 3000,
    checksMs: 4000,
    elapsedMs: 90_061_000,
    contract: { tokens: 30, costUsd: 0.25, wallMs: 5000 },
  },
  createdAt: 0,
  endedAt: 90_061_000,
  model: 'anthropic/m',
  digests: {},
  reproduce: [],
  ...changes,
});

test('a report says first whether it is verified, and everything that is not', () => {
  expect(toMarkdown(report())).not.toContain('VERIFIED');
  expect(toMarkdown(report({ verified: false }))).toContain('**NOT VERIFIED: no acceptance command was run.**');
  expect(toMarkdown(report({ verified: false, note: '1 of 3 not run' }))).toContain(
    '**NOT VERIFIED: 1 of 3 not run.**',
  );
  expect(toMarkdown(report({ note: '1 of 3 flaky' }))).toContain('**VERIFIED, with a reservation: 1 of 3 flaky.**');
});

test('a report has its facts: cost, time, what was assumed, waived, answered, skipped, digests, how to reproduce', () => {
  const text = toMarkdown(
    report({
      plan: [
        { title: 'Read', status: 'done' },
        { title: 'Write', status: 'in_progress' },
        { title: 'Test', status: 'pending' },
      ],
      answers: [{ id: 'q1', question: 'Which one?', answer: 'the second' }],
      assumptions: ['English is spoken.'],
      waived: [{ kind: 'file', name: 'a.txt', evidence: 'waived by ada: gone' }],
      drift: [
        { what: 'directory', paths: ['a.txt', 'b.txt'], count: 9, decision: 'Nothing is overwritten.' },
        { what: 'model', frozen: 'm-1', served: 'm-2', decision: 'The work goes on.' },
      ],
      skipped: ['Not run: npm test (no change)'],
      digests: { snapshot: 'sha256:1' },
      reproduce: ['git clone x'],
    }),
  );
  for (const wanted of [
    '| Cost | 1 turns, 2 tokens, 0.5000 USD |',
    '| Cost of the contract | 30 tokens, 0.2500 USD, on top |',
    '| Time | 3 s of work, 4 s of checks |',
    '| Started | 1970-01-01T00:00:00.000Z |\n| Ended | 1970-01-02T01:01:01.000Z, 1 d 1 h 1 min 1 s later |',
    '## Plan\n\n- [x] Read\n- [ ] Write (in progress)\n- [ ] Test',
    '## Answered\n\n- Which one? → the second',
    '## Assumed\n\n- English is spoken.',
    '## Waived\n\n- file `a.txt`: waived by ada: gone',
    '## Moved since the freeze\n\n- the directory: `a.txt`, `b.txt` and 7 more. Nothing is overwritten.',
    '- the model: `m-2` answered, and `m-1` before the freeze. The work goes on.',
    '## Skipped, or not proven\n\n- Not run: npm test (no change)',
    '## Digests\n\n- snapshot: `sha256:1`',
    '## How to reproduce\n\nIn an empty directory:\n\n~~~bash\ngit clone x\n~~~',
  ]) {
    expect(text).toContain(wanted);
  }
});

test('what a model or a repository wrote cannot write lines of the report', () => {
  const forged = 'x\n\n# Done: all is well\n- **fixed** `npm test`';
  const change = { status: 'modified', path: 'a`b\n# c', additions: 1, deletions: 1 } as const;
  const text = toMarkdown(
    report({
      goal: forged,
      summary: forged,
      plan: [{ title: forged, status: 'done' }],
      assumptions: [forged],
      answers: [{ id: 'q', question: forged, answer: forged }],
      changes: [change],
      reproduce: [`bash -c '\n~~~~\n${forged}\n~~~~\n'`],
    }),
  );
  const [rendered = '', block] = text.split('~~~~~bash\n');
  expect(rendered.split('\n').filter((line) => /^(# |- \*\*fixed)/.test(line))).toHaveLength(1);
  expect(block).toBe(`bash -c '\n~~~~\n${forged}\n~~~~\n'\n~~~~~\n\n`);
  expect(text).toContain('> # Done: all is well\n> - **fixed** `npm test`');
  expect(text).toContain('- modified ``a`b # c`` +1 −1');
});

test('the name of a file that an agent chose writes nothing at the head of the report', () => {
  const note = 'the change alters what judges it: "a**\\n# Done\n\n# Done: **VERIFIED** `x`.test.js"';
  const [title, head] = toMarkdown(report({ note })).split('\n\n');
  expect(title).toBe('# Done: It works.');
  expect(head).toBe(
    '**VERIFIED, with a reservation: the change alters what judges it: "a\\*\\*\\\\n# Done # Done: \\*\\*VERIFIED\\*\\* \\`x\\`.test.js".**',
  );
});

test('what was not done is listed, wherever it was left out', () => {
  const check = {
    command: 'make',
    required: true,
    verdict: 'not_run',
    baseline: null,
    after: null,
    note: 'why',
  } as const;
  const syntax = { tool: 'gofmt -e', files: 2, verdict: 'not_run', faults: [], note: 'no such tool' } as const;
  const item = {
    kind: 'command',
    name: 'pytest -q',
    state: 'unverified',
    source: 'repository',
    evidence: 'not there',
  } as const;
  const facts = {
    strategy: 'incremental',
    checks: [check],
    syntax: [syntax],
    items: [item],
    altered: ['test/a.test.js'],
    kept: { putBack: ['lib/a.js'], problem: 'no network' },
  } as const;
  expect(skippedOf(facts).slice(1)).toEqual([
    'Not run: make (why)',
    'Syntax not checked (gofmt -e, 2 changed files): no such tool',
    'The change alters what judges it, look at it yourself: test/a.test.js',
    'Put back, and not delivered, for it lies in submodules: lib/a.js',
    'Not proven before the start: command pytest -q (not there)',
    'The work is not on its branch: no network',
  ]);
  expect(skippedOf({ ...facts, strategy: 'skip' })[0]).toBe('All checks: the task asked to skip them.');
});
