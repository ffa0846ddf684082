// @ts-check
// `summary.mjs <failed steps> <results…>`: prints "N passed, N failed, N skipped" over results in vitest's JSON and the failed steps;
// exits 1 unless all is well.
import { readFileSync } from 'node:fs';

const [failedSteps = '0', ...files] = process.argv.slice(2);
const results = files.map(read);
/** @param {string} name */
const sum = (name) => results.reduce((total, counts) => total + (counts?.[name] ?? 0), 0);
const passed = sum('numPassedTests');
const empty = results.filter((counts) => !counts?.numPassedTests).length;
// A step that failed without a failed test (the check, the demo, a file that does not load) counts as one failure.
const failed = Math.max(sum('numFailedTests'), Number(failedSteps), empty);
const skipped = sum('numPendingTests') + sum('numTodoTests');
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** @param {string} path */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null; // The tests did not run, or not to their end.
  }
}
