// @ts-check
// Prints "N passed, N failed, N skipped" over vitest's JSON results and the failed steps; exits 1 unless all is well.
import { readFileSync } from 'node:fs';

const [file = '', failedSteps = '0'] = process.argv.slice(2);
const results = read(file);
const passed = results?.numPassedTests ?? 0;
// A step that failed without a failed test (the check, the demo, a file that does not load) counts as one failure.
const failed = Math.max(results?.numFailedTests ?? 0, Number(failedSteps), passed === 0 ? 1 : 0);
const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
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
