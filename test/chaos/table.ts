import type { FaultPoint } from '../../src/fault-point.ts';
import { columns, type Column } from './components.ts';
import { laws } from './invariants.ts';
import type { Cell } from './matrix.ts';
import { rows, type Row } from './rows.ts';

/** What has happened, and what has not, when the process dies at a point. */
const meanings: Readonly<Record<FaultPoint, string>> = {
  'before:workflow-started': 'the session is recorded, Temporal knows nothing of it',
  'after:workflow-started': 'the workflow runs, the caller has no answer',
  'before:snapshot-frozen': 'everything is agreed, nothing is frozen',
  'after:snapshot-frozen': 'the snapshot is stored, the workflow does not know its digest',
  'before:session-claimed': 'an attempt is about to take the session over',
  'after:session-claimed': 'the attempt owns the session, and has done nothing yet',
  'before:model-request': 'nothing is asked yet',
  'after:model-request': 'the request is sent',
  'before:stream': 'the reply has begun to come',
  'after:stream': 'the reply is here and paid for, and recorded nowhere',
  'before:entries-written': 'the reply is written in a transaction that is still open',
  'after:entries-written': 'the reply is recorded, its tools have not run',
  'before:tool-start': 'the command is about to run',
  'after:tool-start': 'the command is running',
  'before:tool-end': 'the command has run, nobody has its result',
  'after:tool-end': 'the result is here, and recorded nowhere',
  'before:tree-written': 'the turn is over, its files are only in the work tree',
  'after:tree-written': 'the tree is stored, no checkpoint names it',
  'before:transaction-committed': 'the checkpoint is written in a transaction that is still open',
  'after:transaction-committed': 'the checkpoint is committed',
  'before:chunk-returned': 'the chunk is done, Temporal does not know',
  'after:chunk-returned': 'the workflow has gone on to the next chunk',
  'before:verification': 'nothing is checked yet',
  'after:verification': 'the verdict is there, the workflow does not have it',
  'before:commit': 'there is no commit yet',
  'after:commit': 'there is a commit, on this machine only',
  'before:push-sent': 'the push is about to be sent',
  'after:push-sent': 'the push is done, nobody has read the remote',
  'before:push-acknowledged': 'the remote was read and has the commit, the workflow does not know',
  'after:push-acknowledged': 'the workflow knows of the push',
  'before:pull-request': 'the commit is on its branch, the forge has no request',
  'after:pull-request': 'the forge has a request, nobody here knows of it',
  'before:end-announced': 'the records say COMPLETE, the webhook that tells of it is not recorded',
  'after:end-announced': 'everybody is told, nothing is cleaned up',
  'before:webhook-sent': 'a webhook is about to be sent',
  'after:webhook-sent': 'the receiver has answered',
  'before:webhook-recorded': 'the answer is about to be recorded',
  'after:webhook-recorded': 'the answer is recorded, the workflow does not know',
};

/** The matrix as a page of the documentation: nothing in it changes unless a verdict does. */
export function matrixPage(cells: readonly Cell[], leftovers: readonly string[]): string {
  const verdict = (which: Row, column: Column): string => {
    const cell = cells.find(({ row, component }) => row === which && component === column);
    if (cell === undefined) return '–';
    return cell.violations.length === 0 ? '✓' : '**✗**';
  };
  const line = (fields: readonly string[]): string => `| ${fields.join(' | ')} |`;
  const lines = rows.map((row) => {
    const { point, scenario } = row;
    const meaning = `${meanings[point]}${scenario === 'outside' ? '; the command asks an allowed host' : ''}`;
    return line([`\`${point}\``, meaning, ...columns.map((column) => verdict(row, column))]);
  });
  const red = cells.filter(({ violations }) => violations.length > 0);
  const wrong = red.map(
    ({ row, component, violations }) => `- \`${row.point}\` (${row.scenario}), ${component}: ${violations.join('; ')}`,
  );
  return [
    '# The kill matrix',
    '',
    'Written by `npm run test:chaos`; do not edit. Each cell is a session of its own on real processes: it is stopped at exactly this',
    'point, then `kill -9` hits the component (API, Temporal and worker are separate processes; *everything* is these and their',
    'supervisor), and whatever came back by itself, or by one `npm start` after *everything*, had to bring the session to its end.',
    '*Worker, 3 times*: the next two attempts are killed at the same point. *Hung worker*: the worker is stopped (SIGSTOP) instead, a second one with directories of its own takes over, and then the first one',
    'wakes up in the middle of what it was doing. ✓: all of the laws below held. –: does not apply (a process that hangs within',
    'a transaction of SQLite holds its lock; the API is no worker).',
    '',
    line(['point', 'what is true there', ...columns]),
    line(['---', '---', ...columns.map(() => ':-:')]),
    ...lines,
    '',
    `${cells.length - red.length} of ${cells.length} cells came through. ${
      leftovers.length === 0
        ? 'After all of them no process, mount, lock or temporary file was left.'
        : `**Left behind:** ${leftovers.join('; ')}.`
    }`,
    ...(wrong.length > 0 ? ['', ...wrong] : []),
    '',
    '## The laws',
    '',
    'After each kill:',
    '',
    ...Object.keys(laws).map((law) => `- ${law};`),
    '',
  ].join('\n');
}
