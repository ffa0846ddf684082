import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { verifyBundle, type Verified } from '../bundle/verify-bundle.ts';
import { UnreachableError } from './client.ts';
import type { CommandContext } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';

type Output = Pick<CommandContext, 'print' | 'tell'>;

/**
 * Saves the bundle of a session; the file is there whole and verified, or not at all.
 * @throws UsageError, RefusedError, UnreachableError
 */
export async function exportBundle(
  id: string,
  file: string | undefined,
  { client, ...output }: CommandContext,
): Promise<number> {
  if (file === undefined) throw new UsageError('Name the file to write: -o <file>.');
  const bytes = await client.download(`/api/sessions/${encodeURIComponent(id)}/bundle`);
  const aside = `${file}.part`;
  try {
    await pipeline(Readable.fromWeb(bytes), createWriteStream(aside));
    const verified = await verifyBundle(aside);
    const code = tellVerified(file, verified, output);
    if (code === 0) await rename(aside, file);
    return code;
  } catch (cause) {
    if (isFileError(cause)) throw new UsageError(`${file} cannot be written: ${cause.message}`);
    throw new UnreachableError(client.url, ' any more: the download broke off', cause);
  } finally {
    await rm(aside, { force: true });
  }
}

/**
 * Verifies a bundle where there is no server.
 * @param snapshot the digest that it must be about, if one is asked for.
 * @throws UsageError
 */
export async function verifyFile(
  file: string | undefined,
  snapshot: string | undefined,
  output: Output,
): Promise<number> {
  if (file === undefined) throw new UsageError('The file is missing.');
  if (!(await stat(file).catch(() => null))?.isFile()) throw new UsageError(`${file} is no file.`);
  const verified = await verifyBundle(file);
  const found = verified.manifest?.snapshot ?? 'none';
  if (snapshot === undefined || snapshot === found) return tellVerified(file, verified, output);
  const fault = { part: 'snapshot.json', message: `the bundle is about snapshot ${found}, not ${snapshot}` };
  return tellVerified(file, { ...verified, faults: [...verified.faults, fault] }, output);
}

function tellVerified(file: string, { manifest, faults }: Verified, { print, tell }: Output): number {
  for (const { part, message } of faults) tell(`TAMPERED  ${part}: ${message}`);
  const { sessionId = null, state = null, snapshot = null, parts = [] } = manifest ?? {};
  print({ file, verified: faults.length === 0, sessionId, state, snapshot, parts: parts.length, faults });
  return faults.length === 0 ? exitCodes.complete : exitCodes.failed;
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return (
    error instanceof Error && 'syscall' in error && /^(open|write|rename|fsync|mkdir)$/.test(String(error.syscall))
  );
}
