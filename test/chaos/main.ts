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
  const { judged, red } = await (values.kills === undefined ? matrix() : soak(Number(values.kills)));
  const seconds = Math.round((performance.now() - started) / 1000);
  say(`${judged - red.size} passed, ${red.size} failed in ${seconds} s`);
  if (values.results !== undefined) writeFileSync(values.results, JSON.stringify(asVitest({ judged, red })));
  process.exitCode = red.size === 0 ? 0 : 1;
} finally {
  await ground.close();
}

/** How a run went. */
interface Outcome {
  /** Cells or sessions, and one for what is left behind. */
  readonly judged: number;
  /** What each of them that failed violated, by its title. */
  readonly red: ReadonlyMap<string, readonly string[]>;
}

async function matrix(): Promise<Outcome> {
  const cells = await runMatrix(ground, { points: values.point, components: values.component }, say);
  const left = await leftBehind();
  const isWhole = values.point.length + values.component.length === 0 && values.checkout === undefined;
  if (isWhole) {
    mkdirSync(join(page, '..'), { recursive: true });
    writeFileSync(page, matrixPage(cells, left));
  }
  const red = cells
    .filter(({ violations }) => violations.length > 0)
    .map(({ row, component, violations }) => [`${row.point} (${row.scenario}), ${component}`, violations] as const);
  return outcome(cells.length, red, left);
}

async function soak(kills: number): Promise<Outcome> {
  const seed = Number(values.seed);
  say(`soak of ${kills} kills, seed ${seed}: again with \`npm run test:chaos -- --kills ${kills} --seed ${seed}\``);
  const { sessions, violations } = await runSoak(ground, { kills, seed }, say);
  return outcome(sessions, [...violations], await leftBehind());
}

async function leftBehind(): Promise<readonly string[]> {
  const left = await ground.close();
  for (const what of left) say(`LEFT ${what}`);
  return left;
}

function outcome(
  judged: number,
  red: readonly (readonly [string, readonly string[]])[],
  left: readonly string[],
): Outcome {
  return { judged: judged + 1, red: new Map(left.length === 0 ? red : [...red, ['left behind', left]]) };
}

function asVitest({ judged, red }: Outcome): object {
  const assertionResults = [...red].map(([fullName, failureMessages]) => ({
    status: 'failed',
    fullName,
    failureMessages,
  }));
  const counts = { numPassedTests: judged - red.size, numFailedTests: red.size, numPendingTests: 0, numTodoTests: 0 };
  return { ...counts, testResults: [{ name: import.meta.filename, assertionResults }] };
}
