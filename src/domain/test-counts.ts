/** What test runners say when they are green because there was nothing to run. */
const none = [
  /\[no test files\]|\[no tests to run\]/, // go
  /^(# |ℹ )tests 0$/m, // node --test
  /^Ran 0 tests/m, // unittest
  /^no tests ran\b|\bno tests ran in\b/m, // pytest
  /^running 0 tests$/m, // cargo
  /\bNo tests? (files? )?(found|to run|executed|ran)\b|\bno tests to run\b/i, // jest, vitest, surefire, mix, phpunit
  /^> Task \S*test NO-SOURCE$/im, // gradle
  /\b0 (examples|tests), 0 failures\b|^\s*0 passing\b/m, // rspec, mix, mocha
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

/** Where they say how many; of Go, which does not, the packages are counted. */
const counts = [
  /^(?:# |ℹ )tests (\d+)/gm, // node --test
  /^Ran (\d+) tests?\b/gm, // unittest
  /\b(\d+) (?:passed|failed)\b(?=.* in [\d.]+s)/g, // pytest
  /^running (\d+) tests?$/gm, // cargo
  /^Tests:.*\b(\d+) total/gm, // jest
  /^\s*Tests\s.*\((\d+)\)$/gm, // vitest
  /^\s*(\d+) (?:passing|failing)\b/gm, // mocha
  /\b(\d+) (?:examples?|tests?), \d+ failures?/g, // rspec, mix
  /\bTests run: (\d+)/g, // surefire
  /^OK \((\d+) tests?\b|^Tests: (\d+), Assertions/gm, // phpunit
  /\bTotal:\s+(\d+), Duration/g, // dotnet
  /^(?:ok|FAIL)\s+\S+\s+(?:[\d.]+s|\(cached\))/gm, // go
];

/**
 * How many tests were run by what a log says; null when no runner is known by it. Only good for a comparison with another run of the same
 * command: some runners say the same number twice.
 */
export function countTests(log: string): number | null {
  const found = counts.flatMap((pattern) => [...log.matchAll(pattern)]);
  if (found.length === 0) return null;
  return found.reduce((sum, [, first, second]) => sum + Number(first ?? second ?? 1), 0);
}
