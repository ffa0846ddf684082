// @ts-check
// Prints "N passed, N failed, N skipped" over vitest's JSON results and the failed steps; exits 1 unless all is well.
import { existsSync, readFileSync } from 'node:fs';

const [file = '', failedSteps = '0'] = process.argv.slice(2);
const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
const passed = results?.numPassedTests ?? 0;
// A step that failed without a failed test (the check, the demo, a file that does not load) counts as one failure.
const failed = Math.max(results?.numFailedTests ?? 0, Number(failedSteps), passed === 0 ? 1 : 0);
const skipped = (results?.numPendingTests ?? 0) + (results?.numTodoTests ?? 0);
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exit(failed === 0 ? 0 : 1);
