/**
 * `npm run test:chaos:broken`: breaks a copy of the code on purpose and runs the cells of the kill matrix that must then be red. It ends
 * well when each of them is: a matrix that stays green on broken code proves nothing.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Something that the code must not do without. */
interface Mutation {
  readonly what: string;
  readonly file: string;
  /** What is taken out, and what is put in its place; each must be there exactly once. */
  readonly replace: readonly (readonly [string, string])[];
  readonly cells: { readonly points: readonly string[]; readonly component: string };
  /** The law that must be found violated. */
  readonly law: string;
}

const mutations: readonly Mutation[] = [
  {
    what: 'fencing removed: an attempt that was overtaken may go on writing',
    file: 'src/store/fence.ts',
    replace: [["if (Number(row?.['epoch']) === epoch) return;", 'if (row !== undefined) return;']],
    cells: { points: ['after:stream', 'before:tree-written'], component: 'hung worker' },
    law: 'nobody writes but the attempt that claimed the session last',
  },
  {
    what: 'transaction split: each statement is committed by itself',
    file: 'src/store/database.ts',
    replace: [
      ["this.#db.exec('BEGIN IMMEDIATE');\n      try", 'try'],
      ["this.#db.exec('COMMIT');\n        return", 'return'],
    ],
    cells: { points: ['before:transaction-committed'], component: 'worker' },
    law: 'no turn is missing among them',
  },
];

const root = join(import.meta.dirname, '..', '..');
const unnoticed = mutations.filter((mutation) => !isNoticed(mutation));
process.exitCode = unnoticed.length === 0 ? 0 : 1;

function isNoticed({ what, file, replace, cells, law }: Mutation): boolean {
  process.stdout.write(`== ${what}\n`);
  const checkout = mkdtempSync(join(tmpdir(), 'holdfast-broken-'));
  try {
    for (const part of ['src', 'scripts', 'package.json', 'package-lock.json'])
      cpSync(join(root, part), join(checkout, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
    let code = readFileSync(join(checkout, file), 'utf8');
    for (const [sound, broken] of replace) {
      if (code.split(sound).length !== 2) throw new Error(`${file} does not have this exactly once any more: ${sound}`);
      code = code.replace(sound, () => broken);
    }
    writeFileSync(join(checkout, file), code);
    const points = cells.points.flatMap((point) => ['--point', point]);
    const args = ['--checkout', checkout, ...points, '--component', cells.component];
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
      encoding: 'utf8',
    });
    const red = status === 1 && cells.points.every((point) => stdout.includes(`RED ${point}`)) && stdout.includes(law);
    process.stdout.write(`${stdout}${stderr}== ${red ? 'noticed' : 'NOT NOTICED'}\n`);
    return red;
  } finally {
    rmSync(checkout, { recursive: true, force: true });
  }
}
