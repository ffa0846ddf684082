/** The schema, one step a migration; steps are only ever added. Text columns named *_json hold JSON; times are epoch milliseconds. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, repository TEXT NOT NULL, parent TEXT,
    task_json TEXT NOT NULL, state TEXT NOT NULL, stage TEXT NOT NULL, rev BIGINT NOT NULL,
    base_json TEXT, contract_json TEXT, frozen_json TEXT, plan_json TEXT NOT NULL, pause_json TEXT, failure_json TEXT, result_json TEXT,
    epoch BIGINT NOT NULL, held BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
  );
  CREATE INDEX sessions_by_age ON sessions (created_at, id);
  CREATE TABLE session_labels (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, label TEXT NOT NULL, PRIMARY KEY (session_id, label)
  );
  CREATE TABLE idempotency (
    tenant TEXT NOT NULL, key TEXT NOT NULL, body_sha256 TEXT NOT NULL, session_id TEXT NOT NULL, created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
  );
  CREATE TABLE entries (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, seq BIGINT NOT NULL, epoch BIGINT NOT NULL,
    entry_json TEXT NOT NULL, PRIMARY KEY (session_id, seq)
  );
  CREATE TABLE checkpoints (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, turn BIGINT NOT NULL, seq BIGINT NOT NULL, epoch BIGINT NOT NULL,
    tree TEXT NOT NULL, pack TEXT, usage_json TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (session_id, turn)
  );
  CREATE TABLE events (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, seq BIGINT NOT NULL, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL,
    type TEXT NOT NULL, state TEXT NOT NULL, stage TEXT NOT NULL, at BIGINT NOT NULL, data_json TEXT NOT NULL,
    PRIMARY KEY (session_id, seq), UNIQUE (session_id, key)
  );
  CREATE TABLE deliveries (
    event_id TEXT PRIMARY KEY, session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, url TEXT NOT NULL, body TEXT NOT NULL,
    state TEXT NOT NULL, attempts BIGINT NOT NULL, last_status BIGINT, last_error TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL
  );
  CREATE TABLE artifacts (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, name TEXT NOT NULL, blob TEXT NOT NULL, media_type TEXT NOT NULL,
    size BIGINT NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (session_id, name)
  );
  CREATE TABLE secrets (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, name TEXT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (session_id, name)
  );
  `,
  `CREATE TABLE pulses (worker TEXT PRIMARY KEY, beats BIGINT NOT NULL);`,
  `
  ALTER TABLE checkpoints ADD COLUMN kept TEXT;
  ALTER TABLE checkpoints ADD COLUMN ignored_json TEXT NOT NULL DEFAULT '[]';
  ALTER TABLE checkpoints ADD COLUMN is_full BIGINT NOT NULL DEFAULT 0;
  `,
  // Sub-agents: each has a thread of entries of its own; turns are counted over all threads. A primary key cannot be changed in place.
  `
  ALTER TABLE checkpoints ADD COLUMN thread TEXT NOT NULL DEFAULT '';
  ALTER TABLE entries RENAME TO entries_of_one_thread;
  CREATE TABLE entries (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, thread TEXT NOT NULL DEFAULT '', seq BIGINT NOT NULL,
    epoch BIGINT NOT NULL, entry_json TEXT NOT NULL, PRIMARY KEY (session_id, thread, seq)
  );
  INSERT INTO entries (session_id, seq, epoch, entry_json) SELECT session_id, seq, epoch, entry_json FROM entries_of_one_thread;
  DROP TABLE entries_of_one_thread;
  `,
  // Until here a blob was named by artifacts, checkpoints and frozen_json, which begins with {"digest":".
  `
  CREATE TABLE blob_claims (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, blob TEXT NOT NULL, PRIMARY KEY (session_id, blob)
  );
  CREATE INDEX blob_claims_by_blob ON blob_claims (blob);
  CREATE TABLE doomed_blobs (blob TEXT PRIMARY KEY);
  INSERT INTO blob_claims (session_id, blob)
    SELECT session_id, blob FROM artifacts
    UNION SELECT session_id, pack FROM checkpoints WHERE pack IS NOT NULL
    UNION SELECT id, substr(frozen_json, 12, 71) FROM sessions WHERE frozen_json IS NOT NULL;
  `,
  `CREATE TABLE losses (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, epoch BIGINT NOT NULL, usage_json TEXT NOT NULL,
    PRIMARY KEY (session_id, epoch)
  );`,
  `
  CREATE TABLE outcomes (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, key TEXT NOT NULL, outcome_json TEXT NOT NULL,
    PRIMARY KEY (session_id, key)
  );
  CREATE TABLE checks (id BIGINT PRIMARY KEY, at BIGINT NOT NULL);
  INSERT INTO checks (id, at) VALUES (1, 0);
  `,
  `
  CREATE TABLE effects (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, thread TEXT NOT NULL, after_turn BIGINT NOT NULL,
    ordinal BIGINT NOT NULL, step BIGINT NOT NULL, base_turn BIGINT NOT NULL, epoch BIGINT NOT NULL, call_id TEXT NOT NULL,
    tool TEXT NOT NULL, outcome TEXT NOT NULL, files_json TEXT, results_json TEXT,
    PRIMARY KEY (session_id, thread, after_turn, ordinal)
  );
  `,
  // The branch that a person chose for a result whose own was taken; null for the one that was agreed.
  `ALTER TABLE sessions ADD COLUMN delivery_branch TEXT;`,
  `
  CREATE TABLE pull_requests (
    url TEXT NOT NULL, session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, head TEXT NOT NULL, viewer TEXT,
    cause TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (url, session_id)
  );
  CREATE INDEX pull_requests_by_head ON pull_requests (head);
  CREATE TABLE forge_deliveries (id TEXT PRIMARY KEY, outcome_json TEXT NOT NULL, at BIGINT NOT NULL);
  `,
  // The newest attempt at what was claimed last, see Claimant.
  `
  ALTER TABLE sessions ADD COLUMN claim_work TEXT;
  ALTER TABLE sessions ADD COLUMN claim_attempt BIGINT;
  `,
  // What only the master keys open that this installation seals for Temporal with, see KeyAgreement.
  `CREATE TABLE key_agreement (id BIGINT PRIMARY KEY, sealed BLOB NOT NULL);`,
  `CREATE TABLE pushed_branches (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, branch TEXT NOT NULL, head TEXT NOT NULL, at BIGINT NOT NULL,
    PRIMARY KEY (session_id, branch, head)
  );`,
  // What the calls have used that wrote the contract; null where nobody counted.
  `ALTER TABLE sessions ADD COLUMN contract_usage_json TEXT;`,
];
