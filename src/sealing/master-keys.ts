import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { KeySource } from './key-ring.ts';

const KEY_BYTES = 32;

/**
 * Master keys from their text: 32 bytes in base64 each, separated by line breaks, spaces or commas; the first one seals.
 * @throws HoldfastError STORAGE_FAILED when there is none, one is not 32 bytes, or one is there twice.
 */
export function parseMasterKeys(text: string): Buffer[] {
  const words = text.split(/[\s,]+/).filter(Boolean);
  const keys = words.map((word) => Buffer.from(word, 'base64'));
  const isSound = keys.length > 0 && keys.every(({ length }) => length === KEY_BYTES);
  if (isSound && new Set(keys.map((key) => key.toString('hex'))).size === keys.length) return keys;
  throw new HoldfastError(
    'STORAGE_FAILED',
    'A master key must be 32 bytes in base64; several are separated by commas.',
    {
      remedy: 'Put back the master keys that sealed the secrets; make a new one with `openssl rand -base64 32`.',
    },
  );
}

/** The keys in a file of our own, which is made with one key when it is first used. Only its owner can read it. */
export function keysInFile(file: string): KeySource {
  return () => {
    if (!existsSync(file)) create(file);
    return parseMasterKeys(readFileSync(file, 'utf8'));
  };
}

/**
 * Puts a new key in front of those in a file of our own. Whoever calls sees to it that nobody else does so at the same time.
 * A kill leaves the old file or the new one, never half of it.
 */
export function addKeyTo(file: string): void {
  const rest = parseMasterKeys(readFileSync(file, 'utf8'));
  const temporary = write(file, [randomBytes(KEY_BYTES), ...rest]);
  renameSync(temporary, file);
  sync(dirname(file));
}

function create(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = write(file, [randomBytes(KEY_BYTES)]);
  try {
    linkSync(temporary, file); // Fails when another process was first; then its key counts.
    sync(dirname(file));
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Synced before anything is sealed with it: records outlive a loss of power, so their key must as well. */
function write(file: string, keys: readonly Buffer[]): string {
  const temporary = `${file}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(handle, keys.map((key) => `${key.toString('base64')}\n`).join(''));
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  return temporary;
}

function sync(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
