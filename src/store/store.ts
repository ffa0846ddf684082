import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ArtifactRecords } from './artifacts.ts';
import { FileBlobs } from './blobs.ts';
import { SqliteDatabase } from './database.ts';
import { DeliveryRecords } from './deliveries.ts';
import { EffectRecords } from './effects.ts';
import { EventRecords } from './events.ts';
import { Journal } from './journal.ts';
import { KeptBlobs } from './kept-blobs.ts';
import { OutcomeRecords } from './outcomes.ts';
import { PulseRecords } from './pulses.ts';
import { loadMasterKey, SealedSecrets } from './secrets.ts';
import { SessionRecords } from './sessions.ts';

/** What {@link Store.check} wants to have room for. */
const CHECK_BYTES = 256 * 1024;

/** Everything Holdfast remembers. Temporal owns what is running; the store owns what happened; blobs own bytes. */
export interface Store {
  readonly sessions: SessionRecords;
  readonly journal: Journal;
  readonly outcomes: OutcomeRecords;
  readonly effects: EffectRecords;
  readonly events: EventRecords;
  readonly deliveries: DeliveryRecords;
  readonly artifacts: ArtifactRecords;
  readonly pulses: PulseRecords;
  readonly secrets: SealedSecrets;
  readonly blobs: KeptBlobs;
  /**
   * Writes to records and blobs and takes it back, to find out whether that is possible.
   * @throws HoldfastError STORAGE_FAILED
   */
  check(): Promise<void>;
  close(): void;
}

/**
 * Opens the store below a directory: `records.db`, `blobs/` and `master.key`. Several processes may have it open at once.
 * @throws HoldfastError STORAGE_FAILED
 */
export function openStore(options: { readonly directory: string; readonly masterKey?: string | undefined }): Store {
  const db = SqliteDatabase.open(join(options.directory, 'records.db'));
  const files = new FileBlobs(join(options.directory, 'blobs'));
  const blobs = new KeptBlobs(db, files);
  const master = loadMasterKey(options.masterKey, join(options.directory, 'master.key'));
  return {
    sessions: new SessionRecords(db),
    journal: new Journal(db),
    outcomes: new OutcomeRecords(db),
    effects: new EffectRecords(db),
    events: new EventRecords(db),
    deliveries: new DeliveryRecords(db),
    artifacts: new ArtifactRecords(db, blobs),
    pulses: new PulseRecords(db),
    secrets: new SealedSecrets(db, master),
    blobs,
    check: async () => {
      await files.delete(await files.put(randomBytes(CHECK_BYTES)));
      await db.run('UPDATE checks SET at = ? WHERE id = 1', Date.now());
    },
    close: () => db.close(),
  };
}
