/**
 * `npm run test:chaos:broken`: breaks a copy of the code on purpose and runs the cells of the kill matrix that must then be red. It ends
 * well when each of them is: a matrix that stays green on broken code proves nothing.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mutated, mutations, type Mutation } from './mutations.ts';

const root = join(import.meta.dirname, '..', '..');
const unnoticed = mutations.filter((mutation) => !isNoticed(mutation));
process.exitCode = unnoticed.length === 0 ? 0 : 1;

function isNoticed(mutation: Mutation): boolean {
  const { what, file, cells, law } = mutation;
  process.stdout.write(`== ${what}\n`);
  const checkout = mkdtempSync(join(tmpdir(), 'holdfast-broken-'));
  try {
    for (const part of ['src', 'scripts', 'package.json', 'package-lock.json'])
      cpSync(join(root, part), join(checkout, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
    writeFileSync(join(checkout, file), mutated(readFileSync(join(root, file), 'utf8'), mutation));
    const points = cells.points.flatMap((point) => ['--point', point]);
    const args = ['--checkout', checkout, ...points, '--component', cells.component];
    const { stdout, stderr, status } = spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
      encoding: 'utf8',
    });
    const red = status === 1 && cells.points.every((point) => stdout.includes(`RED ${point}`)) && stdout.includes(law);
    process.stdout.write(red ? `${verdicts(stdout)}\n== noticed\n` : `${stdout}${stderr}== NOT NOTICED\n`);
    return red;
  } finally {
    rmSync(checkout, { recursive: true, force: true });
  }
}

/** The cells that turned red and what they violated, without their long stories. */
function verdicts(stdout: string): string {
  return (stdout.match(/^ {2}RED .*(?:\n {4}.*)*|^\d+ passed, .*/gmu) ?? []).join('\n');
}
