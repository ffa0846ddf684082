/** What test runners say when they are green because there was nothing to run. */
const none = [
  /\[no test files\]|\[no tests to run\]/, // go
  /^(# |ℹ )tests 0$/m, // node --test
  /^Ran 0 tests/m, // unittest
  /^no tests ran\b|\bno tests ran in\b/m, // pytest
  /^running 0 tests$/m, // cargo
  /\bNo tests? (files? )?(found|to run|executed|ran)\b|\bno tests to run\b/i, // jest, vitest, surefire, mix, phpunit
  /^> Task \S*test NO-SOURCE$/im, // gradle
  /\b0 (examples|tests), 0 failures\b|^[ \t]*0 passing\b/m, // rspec, mix, mocha
  /\bNo test is available\b/, // dotnet
];

/** What they say when something was run. */
const some = [
  /^ok\s+\S+\s+(?!.*\[no tests to run\])\S/m,
  /^(# |ℹ )tests [1-9]/m,
  /^Ran [1-9]\d* tests?/m,
  /\b[1-9]\d* (passed|passing|failed|examples?|tests?)\b/,
  /\bTests run: [1-9]/,
];

/** True for the log of a command that ran no test though it is there to run tests: green, it proves nothing. */
export function ranNoTest(log: string): boolean {
  return none.some((words) => words.test(log)) && !some.some((words) => words.test(log));
}

/** A line in which pytest sums up. */
const summary = /\bin [\d.]+s(?: \([\d:]+\))?[ =]*$/;

/** Where they say how many; of Go, which does not, the packages are counted. Each takes a time that grows no faster than the line. */
const counts = [
  /^(?:# |ℹ )tests (\d+)/, // node --test
  /^Ran (\d+) tests?\b/, // unittest
  /^running (\d+) tests?$/, // cargo
  /^Tests: .*\b(\d+) total/, // jest
  /^[ \t]*Tests[ \t].*\((\d+)\)$/, // vitest
  /^[ \t]*(\d+) (?:passing|failing)\b/, // mocha
  /\b(\d+) (?:examples?|tests?), \d+ failures?/, // rspec, mix
  /\bTests run: (\d+)/, // surefire
  /^OK \((\d+) tests?\b/, // phpunit
  /^Tests: (\d+), Assertions/, // phpunit in red
  /\bTotal:[ \t]+(\d+), Duration/, // dotnet
  /^(?:ok|FAIL)[ \t]+\S+[ \t]+(?:[\d.]+s|\(cached\))/, // go
];

/**
 * How many tests were run by what a log says; null when no runner is known by it. Only good for a comparison with another run of the same
 * command: some runners say the same number twice. Whoever wrote the code that is tested may have written the log.
 */
export function countTests(log: string): number | null {
  const found = log.split('\n').flatMap(countsIn);
  return found.length === 0 ? null : found.reduce((sum, count) => sum + count, 0);
}

function countsIn(line: string): number[] {
  const found = counts.map((pattern) => pattern.exec(line)).find((match) => match !== null);
  if (found !== undefined) return [Number(found[1] ?? 1)];
  if (!summary.test(line)) return [];
  return [...line.matchAll(/\b(\d+) (?:passed|failed)\b/g)].map(([, count]) => Number(count));
}
