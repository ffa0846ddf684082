/**
 * `npm run test:chaos`: without arguments the kill matrix, written to docs/kill-matrix.md; with `--kills N [--seed S]` the soak.
 * `--point` and `--component` run a part of the matrix, `--checkout` runs the code of another directory (both write no page);
 * `--results` writes the counts as vitest's JSON reporter does, for CI.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Ground } from './ground.ts';
import { runMatrix } from './matrix.ts';
import { runSoak } from './soak.ts';
import { matrixPage } from './table.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    point: { type: 'string', multiple: true, default: [] },
    component: { type: 'string', multiple: true, default: [] },
    checkout: { type: 'string' },
    results: { type: 'string' },
  },
});

const page = join(import.meta.dirname, '..', '..', 'docs', 'kill-matrix.md');
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const started = performance.now();
const ground = await Ground.start(values.checkout);
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => void ground.close().then(() => process.exit(1)));
try {
  const { passed, failed } = await (values.kills === undefined ? matrix() : soak(Number(values.kills)));
  const seconds = Math.round((performance.now() - started) / 1000);
  say(`${passed} passed, ${failed} failed in ${seconds} s`);
  const counts = { numPassedTests: passed, numFailedTests: failed, numPendingTests: 0, numTodoTests: 0 };
  if (values.results !== undefined) writeFileSync(values.results, JSON.stringify(counts));
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await ground.close();
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** Counts cells, and what is left behind as one more. */
async function matrix(): Promise<Counts> {
  const cells = await runMatrix(ground, { points: values.point, components: values.component }, say);
  const left = await ground.close();
  for (const what of left) say(`LEFT ${what}`);
  const isWhole = values.point.length + values.component.length === 0 && values.checkout === undefined;
  if (isWhole) {
    mkdirSync(join(page, '..'), { recursive: true });
    writeFileSync(page, matrixPage(cells, left));
  }
  const red = cells.filter(({ violations }) => violations.length > 0).length;
  return { passed: cells.length - red + (left.length === 0 ? 1 : 0), failed: red + (left.length === 0 ? 0 : 1) };
}

/** Counts sessions, and what is left behind as one more. */
async function soak(kills: number): Promise<Counts> {
  const seed = Number(values.seed);
  say(`soak of ${kills} kills, seed ${seed}: again with \`npm run test:chaos -- --kills ${kills} --seed ${seed}\``);
  const { sessions, violations } = await runSoak(ground, { kills, seed }, say);
  const left = await ground.close();
  for (const what of left) say(`LEFT ${what}`);
  const red = violations.size;
  return { passed: sessions - red + (left.length === 0 ? 1 : 0), failed: red + (left.length === 0 ? 0 : 1) };
}
