import type { Readable } from 'node:stream';
import { HoldfastError } from '../../domain/failure.ts';
import type { GitCredentials } from '../../domain/git-credentials.ts';
import { withFiles } from '../composed-tree.ts';
import { hashBlobs } from '../hash-blobs.ts';
import { plumb, plumbLine, plumbList, streamBlob } from '../plumbing.ts';
import { readBlobs } from '../read-blobs.ts';
import { configuredUrl } from './lfs-import.ts';
import { lfsPlace } from './lfs-place.ts';
import { mayBePointer, parsePointer, pointerText, type LfsPointer } from './lfs-pointer.ts';
import { governedBy } from './lfs-rules.ts';
import { LfsServer } from './lfs-server.ts';
import type { LfsTransport } from './lfs-transport.ts';

/** A file whose content Git LFS is to keep. */
export interface LfsUpload extends LfsPointer {
  readonly path: string;
  /** The content, as a git object. */
  readonly object: string;
}

/** A tree as it is delivered, and the contents that must be with Git LFS before anybody gets it. */
export interface Pointed {
  readonly tree: string;
  readonly uploads: readonly LfsUpload[];
}

interface Changed {
  readonly path: string;
  readonly mode: string;
  readonly before: string;
  readonly object: string;
}

/**
 * Puts pointers in the place of contents, where the rules of the tree (.gitattributes) say so: a file that is as the base had it gets its
 * own pointer back, to the byte; every other one goes to Git LFS. A file that is no longer under them keeps its content.
 * @param base the trees of the base: as its commit has it, and with contents
 */
export async function withPointers(
  gitDir: string,
  base: { readonly pointers: string; readonly contents: string },
  tree: string,
): Promise<Pointed> {
  const filled = await changedFiles(gitDir, base.pointers, base.contents);
  const contentOf = new Map(filled.map(({ path, object }) => [path, object]));
  const changed = await changedFiles(gitDir, base.pointers, tree);
  const isOfBase = ({ before, object, path }: Changed) => before !== '' && contentOf.get(path) === object;
  const governed = await governedBy(gitDir, tree, changed);
  const known = governed.filter(isOfBase).map((file) => ({ ...file, object: file.before }));
  const fresh = await freshContents(
    gitDir,
    governed.filter((file) => !isOfBase(file)),
  );
  const pointers: Changed[] = [];
  for (const file of fresh) {
    const stdin = pointerText(file);
    pointers.push({ ...file, object: await plumbLine(gitDir, ['hash-object', '-w', '--stdin'], { stdin }) });
  }
  return { tree: await withFiles(gitDir, tree, [...known, ...pointers]), uploads: fresh };
}

/** Files that are in a tree and not the same in another one; `before` is empty for those that were not there. */
async function changedFiles(gitDir: string, from: string, to: string): Promise<Changed[]> {
  const items = await plumbList(gitDir, [
    'diff-tree',
    '-r',
    '-z',
    '--no-renames',
    '--ignore-submodules=none',
    from,
    to,
  ]);
  const changed: Changed[] = [];
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [was = '', mode = '', before = '', object = ''] = (items[index] ?? '').slice(1).split(' ');
    if (!mode.startsWith('100') || before === object) continue;
    changed.push({ path: items[index + 1] ?? '', mode, before: was.startsWith('100') ? before : '', object });
  }
  return changed;
}

/** Those of some files under the rules that Git LFS has not: no pointers yet, and not empty (git-lfs, docs/spec.md). */
async function freshContents(gitDir: string, governed: readonly Changed[]): Promise<(LfsUpload & Changed)[]> {
  const ids = governed.map(({ object }) => object);
  const stdin = ids.map((id) => `${id}\n`).join('');
  const sizes =
    ids.length === 0 ? '' : (await plumb(gitDir, ['cat-file', '--batch-check=%(objectsize)'], { stdin })).toString();
  const sized = sizes.split('\n').map(Number);
  const hashes = await hashBlobs(gitDir, ids);
  const found = governed.map((file, index) => ({ ...file, oid: hashes[index] ?? '', size: sized[index] ?? 0 }));
  const small = found.filter(({ size }) => mayBePointer(size));
  const texts = await readBlobs(
    gitDir,
    small.map(({ object }) => object),
  );
  const pointers = new Set(small.filter((_, index) => parsePointer(texts[index] ?? Buffer.alloc(0)) !== null));
  return found.filter((file) => file.size > 0 && !pointers.has(file));
}

/** Where contents are brought to. */
export interface LfsTarget {
  /** Of the repository. */
  readonly url: string;
  readonly credentials?: GitCredentials | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly transport: LfsTransport | null;
  /** Whose .lfsconfig counts: that of the base, for an agent may have written another one. */
  readonly tree: string;
}

/**
 * Brings contents to the Git LFS of a repository.
 * @throws HoldfastError LFS_REFUSED, LFS_FAILED, REPOSITORY_AUTH_FAILED
 */
export async function uploadContents(gitDir: string, uploads: readonly LfsUpload[], target: LfsTarget): Promise<void> {
  if (uploads.length === 0) return;
  const { credentials, signal, transport, tree, url } = target;
  if (transport === null) throw new HoldfastError('LFS_REFUSED', 'This server has no way to Git LFS.');
  const place = lfsPlace(url, await configuredUrl(gitDir, tree), credentials);
  const byOid = new Map(uploads.map((upload) => [upload.oid, upload]));
  const open = ({ oid }: LfsPointer): Readable => streamBlob(gitDir, byOid.get(oid)?.object ?? '');
  await new LfsServer(place, transport, signal).upload([...byOid.values()], open);
}
