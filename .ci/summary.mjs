// @ts-check
// `summary.mjs <failed steps> <results…>`: names every failed test of results in vitest's JSON with the beginning of what it said, then
// prints "N passed, N failed, N skipped" over them and the failed steps; exits 1 unless all is well.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** So much of what a failed test said is told; the whole is where it failed. */
const LINES = 12;

const [failedSteps = '0', ...files] = process.argv.slice(2);
const results = files.map(read);
/** @param {string} name */
const sum = (name) => results.reduce((total, counts) => total + (counts?.[name] ?? 0), 0);
const passed = sum('numPassedTests');
const empty = results.filter((counts) => !counts?.numPassedTests).length;
// A step that failed without a failed test (the check, the demo, a file that does not load) counts as one failure.
const failed = Math.max(sum('numFailedTests'), Number(failedSteps), empty);
const skipped = sum('numPendingTests') + sum('numTodoTests');
for (const line of results.flatMap((counts) => (counts?.testResults ?? []).flatMap(failures))) print(line);
print(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 ? 0 : 1;

/** @param {string} path */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null; // The tests did not run, or not to their end.
  }
}

/**
 * The failed tests of a file, and the file itself when it did not load.
 * @param {{ name: string, status?: string, message?: string, assertionResults: { status: string, fullName: string, failureMessages?: string[] }[] }} file
 */
function failures({ name, status, message, assertionResults }) {
  const path = relative(process.cwd(), name);
  const red = assertionResults.filter((test) => test.status === 'failed');
  if (red.length === 0 && status === 'failed') return told(path, message ?? '');
  return red.flatMap(({ fullName, failureMessages }) =>
    told(`${path} > ${fullName}`, (failureMessages ?? []).join('\n')),
  );
}

/** @param {string} title @param {string} said */
function told(title, said) {
  const lines = said.split('\n').filter((line) => line.trim() !== '');
  return [`FAILED ${title}`, ...lines.slice(0, LINES).map((line) => `    ${line}`)];
}

/** @param {string} line */
function print(line) {
  process.stdout.write(`${line}\n`);
}
