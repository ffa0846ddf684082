import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { KnownSecrets } from '../redaction/known-secrets.ts';
import type { Redactor } from '../redaction/redactor.ts';
import { KeyRing } from '../sealing/key-ring.ts';
import { addKeyTo, keysInFile, parseMasterKeys } from '../sealing/master-keys.ts';
import { ArtifactRecords } from './artifacts.ts';
import { FileBlobs } from './blobs.ts';
import { SqliteDatabase } from './database.ts';
import { DeliveryRecords } from './deliveries.ts';
import { EffectRecords } from './effects.ts';
import { EventRecords } from './events.ts';
import { Journal } from './journal.ts';
import { KeyAgreement } from './key-agreement.ts';
import { KeyRotation } from './key-rotation.ts';
import { KeptBlobs } from './kept-blobs.ts';
import { OutcomeRecords } from './outcomes.ts';
import { PullRequestRecords } from './pull-requests.ts';
import { PushedBranchRecords } from './pushed-branches.ts';
import { PulseRecords } from './pulses.ts';
import { SealedSecrets } from './secrets.ts';
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
  readonly pullRequests: PullRequestRecords;
  readonly pushedBranches: PushedBranchRecords;
  readonly secrets: SealedSecrets;
  readonly keys: KeyRotation;
  readonly agreement: KeyAgreement;
  /** The secrets that this process has had in the clear. */
  readonly known: KnownSecrets;
  /** Looks for the secrets of a session, whether this process has needed them before or not, and of the server. */
  redactorOf(sessionId: string): Promise<Redactor>;
  readonly blobs: KeptBlobs;
  /**
   * Writes to records and blobs and takes it back, to find out whether that is possible.
   * @throws HoldfastError STORAGE_FAILED
   */
  check(): Promise<void>;
  close(): void;
}

/** Where the store is. */
export interface StoreOptions {
  readonly directory: string;
  /** The master keys as text, read anew from time to time; without it the store keeps its own, in `master.key`. */
  readonly masterKeys?: (() => string) | undefined;
  /** Is told of every secret that is had in the clear. */
  readonly known?: KnownSecrets;
}

/**
 * The ring of master keys that a store seals with. Keys of its own are made now, if there are none yet.
 * @throws HoldfastError STORAGE_FAILED when they cannot be read, or are none.
 */
export function openKeyRing({ directory, masterKeys, known }: StoreOptions): KeyRing {
  const read = masterKeys === undefined ? keysInFile(keyFileIn(directory)) : () => parseMasterKeys(masterKeys());
  const source = () => {
    const keys = read();
    for (const key of keys) known?.learnOfServer('MASTER_KEY', key.toString('base64'));
    return keys;
  };
  source();
  return new KeyRing(source);
}

/**
 * Opens the store below a directory: `records.db`, `blobs/` and `master.key`. Several processes may have it open at once.
 * @throws HoldfastError STORAGE_FAILED
 */
export function openStore(options: StoreOptions): Store {
  const { directory, masterKeys, known = new KnownSecrets() } = options;
  const db = SqliteDatabase.open(join(directory, 'records.db'));
  const files = new FileBlobs(join(directory, 'blobs'));
  const blobs = new KeptBlobs(db, files);
  const ring = openKeyRing({ ...options, known });
  const secrets = new SealedSecrets(db, ring, known);
  const agreement = new KeyAgreement(db, ring);
  const addKey = masterKeys === undefined ? () => addKeyTo(keyFileIn(directory)) : null;
  return {
    sessions: new SessionRecords(db),
    journal: new Journal(db),
    outcomes: new OutcomeRecords(db),
    effects: new EffectRecords(db),
    events: new EventRecords(db, known),
    deliveries: new DeliveryRecords(db),
    artifacts: new ArtifactRecords(db, blobs),
    pulses: new PulseRecords(db),
    pullRequests: new PullRequestRecords(db),
    pushedBranches: new PushedBranchRecords(db),
    secrets,
    keys: new KeyRotation({ db, ring, secrets, addKey, agreement }),
    agreement,
    known,
    redactorOf: async (sessionId) => {
      await secrets.learn(sessionId);
      return known.of(sessionId);
    },
    blobs,
    check: async () => {
      await files.delete(await files.put(randomBytes(CHECK_BYTES)));
      await db.run('UPDATE checks SET at = ? WHERE id = 1', Date.now());
    },
    close: () => db.close(),
  };
}

function keyFileIn(directory: string): string {
  return join(directory, 'master.key');
}
