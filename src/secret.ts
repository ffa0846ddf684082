import { readFileSync } from 'node:fs';
import { HoldfastError } from './domain/failure.ts';

/** A secret from the environment or from a file. It prints as `[secret]` and is read anew each time, so a file can be rotated. */
export class Secret {
  readonly #read: () => string | undefined;

  constructor(read: () => string | undefined) {
    this.#read = read;
  }

  /** The value, or undefined when it is not set (or empty). */
  reveal(): string | undefined {
    return this.#read()?.trim() || undefined;
  }

  toJSON(): string {
    return '[secret]';
  }
}

/** The secret `name`, or the one in the file that `name_FILE` names. */
export function secretFrom(env: Readonly<Record<string, string | undefined>>, name: string): Secret {
  const file = env[`${name}_FILE`];
  if (!file) return new Secret(() => env[name]);
  return new Secret(() => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return undefined; // A key file that is not there (yet) is a missing key: it pauses sessions instead of ending the server.
    }
  });
}

/**
 * A secret without which nothing may go on, such as one that would be made anew in its absence; undefined when it is not asked for.
 * What is answered throws HoldfastError STORAGE_FAILED when the file cannot be read or is empty.
 */
export function secretThatMustBeThere(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): (() => string) | undefined {
  if (!env[name] && !env[`${name}_FILE`]) return undefined;
  const secret = secretFrom(env, name);
  return () => {
    const value = secret.reveal();
    if (value !== undefined) return value;
    throw new HoldfastError('STORAGE_FAILED', `The file that ${name}_FILE names cannot be read, or is empty.`);
  };
}
