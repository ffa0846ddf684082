import { HoldfastError } from '../domain/failure.ts';
import type { Database, Row } from './database.ts';
import type { KeptBlobs } from './kept-blobs.ts';

/** Something a session leaves behind: a report, a patch, a log. */
export interface Artifact {
  readonly name: string;
  readonly blob: string;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly createdAt: number;
}

/** The table of artifacts; their bytes are blobs. */
export class ArtifactRecords {
  readonly #db: Database;
  readonly #blobs: KeptBlobs;

  constructor(db: Database, blobs: KeptBlobs) {
    this.#db = db;
    this.#blobs = blobs;
  }

  /** Stores the bytes under a name of the session, replacing what had that name. */
  async put(
    sessionId: string,
    name: string,
    mediaType: string,
    bytes: Uint8Array | string,
    at: number,
  ): Promise<Artifact> {
    const blob = await this.#blobs.put(sessionId, bytes);
    const size = Buffer.byteLength(bytes);
    const sql = `INSERT INTO artifacts (session_id, name, blob, media_type, size, created_at) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (session_id, name) DO UPDATE SET blob = excluded.blob, media_type = excluded.media_type, size = excluded.size,
      created_at = excluded.created_at`;
    await this.#db.run(sql, sessionId, name, blob, mediaType, size, at);
    return { name, blob, mediaType, size, createdAt: at };
  }

  async list(sessionId: string): Promise<Artifact[]> {
    return (await this.#db.all('SELECT * FROM artifacts WHERE session_id = ? ORDER BY name', sessionId)).map(
      toArtifact,
    );
  }

  /** @throws HoldfastError ARTIFACT_NOT_FOUND */
  async read(sessionId: string, name: string): Promise<{ readonly artifact: Artifact; readonly bytes: Buffer }> {
    const row = await this.#db.get('SELECT * FROM artifacts WHERE session_id = ? AND name = ?', sessionId, name);
    if (row === undefined)
      throw new HoldfastError('ARTIFACT_NOT_FOUND', `Session ${sessionId} has no artifact ${name} yet.`);
    const artifact = toArtifact(row);
    return { artifact, bytes: await this.#blobs.get(artifact.blob) };
  }
}

function toArtifact(row: Row): Artifact {
  return {
    name: String(row['name']),
    blob: String(row['blob']),
    mediaType: String(row['media_type']),
    size: Number(row['size']),
    createdAt: Number(row['created_at']),
  };
}
