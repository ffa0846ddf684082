// @ts-check

/**
 * What set-up works on: this checkout, the environment it was started with, and whether the tests are to run here.
 * @typedef {{ readonly root: string, readonly env: Readonly<Record<string, string | undefined>>, readonly isForTests?: boolean }} Machine
 */

/**
 * A part of set-up. `isReady` is quick and changes nothing; `prepare` installs, or throws an error that says what to do.
 * @typedef {{ isReady(machine: Machine): boolean, prepare(machine: Machine): void | Promise<void> }} Step
 */

export {};
