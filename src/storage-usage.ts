import { lstat, readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** What bytes are there for. */
export type StorageKind =
  | 'records'
  | 'master keys'
  | 'blobs'
  | 'orphaned blobs'
  | 'mirrors'
  | 'files of live sessions'
  | 'files of ended sessions'
  | 'temporal'
  | 'caches'
  | 'skills'
  | 'other';

/** Bytes of one kind, as the file system has allotted them. */
export interface StorageUse {
  readonly kind: StorageKind;
  readonly bytes: number;
  readonly files: number;
}

/** The places of a server, and what is known of their contents. */
export interface StoragePlaces {
  readonly dataDir: string;
  readonly sessionsDir: string;
  readonly workingDir: string;
  readonly agentDir: string;
  readonly isLive: (sessionId: string) => boolean;
  /** True for a blob, as 64 hex digits, that nobody claims. */
  readonly isOrphan: (hex: string) => boolean;
}

/** Where the bytes are, kind by kind, the largest first; together they are what du(1) says of the directories. */
export async function storageUsage(places: StoragePlaces): Promise<StorageUse[]> {
  const uses = new Map<StorageKind, { bytes: number; files: number }>();
  const seen = new Set<string>(); // What has several names is there once.
  const visit = async (path: string): Promise<void> => {
    const stat = await lstat(path, { bigint: true }).catch(() => null); // Gone meanwhile.
    if (stat === null || seen.has(`${stat.dev}:${stat.ino}`)) return;
    seen.add(`${stat.dev}:${stat.ino}`);
    const kind = kindOf(path, places);
    const use = uses.get(kind) ?? { bytes: 0, files: 0 };
    use.bytes += Number(stat.blocks) * 512; // stat(2): whatever the block size is
    use.files += stat.isDirectory() ? 0 : 1;
    uses.set(kind, use);
    if (!stat.isDirectory()) return;
    for (const name of await readdir(path).catch(() => [])) await visit(join(path, name));
  };
  for (const root of [places.dataDir, places.sessionsDir, places.workingDir, places.agentDir]) await visit(root);
  return [...uses].map(([kind, use]) => ({ kind, ...use })).toSorted((a, b) => b.bytes - a.bytes);
}

function kindOf(path: string, places: StoragePlaces): StorageKind {
  const below = (root: string): string[] | null => {
    const parts = relative(root, path).split(sep);
    return parts[0] === '..' ? null : parts;
  };
  const work = below(places.workingDir);
  if (work !== null) return kindOfWork(work, places);
  const kept = below(places.sessionsDir);
  if (kept !== null) return kindOfKept(kept, places);
  if (below(places.agentDir) !== null) return 'skills';
  const [first = ''] = below(places.dataDir) ?? [];
  if (first.startsWith('temporal.')) return 'temporal';
  return first === 'cache' ? 'caches' : 'other';
}

function kindOfWork([first = '']: readonly string[], { isLive }: StoragePlaces): StorageKind {
  if (first === 'mirrors') return 'mirrors';
  const [, id] = /^(ses_\w+)/.exec(first) ?? [];
  if (id === undefined) return 'other';
  return isLive(id) ? 'files of live sessions' : 'files of ended sessions';
}

function kindOfKept([first = '', , hex = '']: readonly string[], { isOrphan }: StoragePlaces): StorageKind {
  if (first.startsWith('records.db')) return 'records';
  if (first.startsWith('master.key')) return 'master keys';
  if (first !== 'blobs') return 'other';
  return /^[0-9a-f]{64}$/.test(hex) && isOrphan(hex) ? 'orphaned blobs' : 'blobs';
}
