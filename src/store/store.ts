import { join } from 'node:path';
import { ArtifactRecords } from './artifacts.ts';
import { FileBlobs } from './blobs.ts';
import { SqliteDatabase } from './database.ts';
import { DeliveryRecords } from './deliveries.ts';
import { EventRecords } from './events.ts';
import { Journal } from './journal.ts';
import { KeptBlobs } from './kept-blobs.ts';
import { PulseRecords } from './pulses.ts';
import { loadMasterKey, SealedSecrets } from './secrets.ts';
import { SessionRecords } from './sessions.ts';

/** Everything Holdfast remembers. Temporal owns what is running; the store owns what happened; blobs own bytes. */
export interface Store {
  readonly sessions: SessionRecords;
  readonly journal: Journal;
  readonly events: EventRecords;
  readonly deliveries: DeliveryRecords;
  readonly artifacts: ArtifactRecords;
  readonly pulses: PulseRecords;
  readonly secrets: SealedSecrets;
  readonly blobs: KeptBlobs;
  close(): void;
}

/**
 * Opens the store below a directory: `records.db`, `blobs/` and `master.key`. Several processes may have it open at once.
 * @throws HoldfastError STORAGE_FAILED
 */
export function openStore(options: { readonly directory: string; readonly masterKey?: string | undefined }): Store {
  const db = SqliteDatabase.open(join(options.directory, 'records.db'));
  const blobs = new KeptBlobs(db, new FileBlobs(join(options.directory, 'blobs')));
  const master = loadMasterKey(options.masterKey, join(options.directory, 'master.key'));
  return {
    sessions: new SessionRecords(db),
    journal: new Journal(db),
    events: new EventRecords(db),
    deliveries: new DeliveryRecords(db),
    artifacts: new ArtifactRecords(db, blobs),
    pulses: new PulseRecords(db),
    secrets: new SealedSecrets(db, master),
    blobs,
    close: () => db.close(),
  };
}
