import type { Contract } from '../domain/contract.ts';
import type { PlanStep } from '../domain/events.ts';
import { HoldfastError, type Failure } from '../domain/failure.ts';
import type { Base, Delivered, Frozen, PauseReason, Phase, Stage } from '../domain/session.ts';
import { Task } from '../domain/task.ts';
import { addUsage, noUsage, type Usage } from '../domain/usage.ts';
import type { Database, Queries, Row } from './database.ts';
import { copyCheckpoint } from './forks.ts';
import type { SealedSecret } from './secrets.ts';

/** A session as it is recorded: the read model that answers while Temporal is away. */
export interface SessionRecord {
  readonly id: string;
  readonly tenant: string;
  readonly task: Task;
  readonly state: Phase;
  readonly stage: Stage;
  readonly rev: number;
  readonly base: Base | null;
  readonly contract: Contract | null;
  /** What the calls have used that wrote the contract, with their wall time; null in sessions of versions that did not count it. */
  readonly contractUsage: Usage | null;
  readonly frozen: Frozen | null;
  readonly plan: readonly PlanStep[];
  readonly pause: PauseReason | null;
  readonly failure: Failure | null;
  readonly result: Delivered | null;
  /** The branch that is delivered to instead of the one that was agreed; null for that one. */
  readonly deliveryBranch: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A session to be recorded. */
export interface NewSession {
  readonly id: string;
  readonly tenant: string;
  readonly task: Task;
  readonly createdAt: number;
  /** Recorded together with the session: it never starts without them. */
  readonly secrets: readonly SealedSecret[];
  /** The caller's key and the SHA-256 of the body it came with. */
  readonly idempotency: { readonly key: string; readonly bodySha256: string } | null;
}

/** What the workflow announces; fields left out stay as they are. */
export interface SessionChange {
  readonly rev: number;
  readonly state: Phase;
  readonly stage: Stage;
  readonly pause: PauseReason | null;
  readonly failure?: Failure;
  readonly result?: Delivered;
  readonly at: number;
}

/** Which sessions a list shows. */
export interface SessionFilter {
  readonly tenant: string;
  readonly state?: Phase | undefined;
  readonly stage?: Stage | undefined;
  readonly label?: string | undefined;
  readonly repository?: string | undefined;
  readonly createdAfter?: number | undefined;
  /** The list goes on after this session. */
  readonly after?: { readonly createdAt: number; readonly id: string } | undefined;
  readonly limit: number;
}

/** The table of sessions. */
export class SessionRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Records a session, a fork with what its parent has at the checkpoint; or answers the one that the same idempotency key made before.
   * @throws HoldfastError IDEMPOTENCY_MISMATCH when the key came with another body, SESSION_NOT_FOUND when a fork's parent is gone.
   */
  create(session: NewSession): Promise<{ readonly id: string; readonly created: boolean }> {
    return this.#db.transaction(async (queries) => {
      const earlier = await earlierOf(queries, session.tenant, session.idempotency);
      if (earlier !== null) return { id: earlier, created: false };
      await insert(queries, session);
      return { id: session.id, created: true };
    });
  }

  /**
   * The session that the idempotency key made before, or null.
   * @throws HoldfastError IDEMPOTENCY_MISMATCH when the key came with another body.
   */
  earlier(tenant: string, idempotency: NewSession['idempotency']): Promise<string | null> {
    return earlierOf(this.#db, tenant, idempotency);
  }

  /** @throws HoldfastError SESSION_NOT_FOUND */
  async get(id: string): Promise<SessionRecord> {
    const found = await this.find(id);
    if (found === undefined) throw new HoldfastError('SESSION_NOT_FOUND', `There is no session ${id}.`);
    return found;
  }

  async find(id: string): Promise<SessionRecord | undefined> {
    const row = await this.#db.get('SELECT * FROM sessions WHERE id = ?', id);
    return row && toRecord(row);
  }

  /** Newest first. */
  async list(filter: SessionFilter): Promise<SessionRecord[]> {
    const terms: [string, ...(string | number)[]][] = [['tenant = ?', filter.tenant]];
    if (filter.state !== undefined) terms.push(['state = ?', filter.state]);
    if (filter.stage !== undefined) terms.push(['stage = ?', filter.stage]);
    if (filter.repository !== undefined) terms.push(['repository = ?', filter.repository]);
    if (filter.createdAfter !== undefined) terms.push(['created_at > ?', filter.createdAfter]);
    if (filter.after !== undefined) terms.push(['(created_at, id) < (?, ?)', filter.after.createdAt, filter.after.id]);
    if (filter.label !== undefined) {
      terms.push(['id IN (SELECT session_id FROM session_labels WHERE label = ?)', filter.label]);
    }
    const where = terms.map(([sql]) => sql).join(' AND ');
    const parameters = terms.flatMap(([, ...values]) => values);
    const sql = `SELECT * FROM sessions WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT ?`;
    return (await this.#db.all(sql, ...parameters, filter.limit)).map(toRecord);
  }

  /** Writes what the workflow announced; an older announcement than the one on record changes nothing. */
  async announce(id: string, change: SessionChange): Promise<void> {
    const sql = `UPDATE sessions SET rev = ?, state = ?, stage = ?, pause_json = ?, failure_json = coalesce(?, failure_json),
      result_json = coalesce(?, result_json), updated_at = ? WHERE id = ? AND rev < ?`;
    const { rev, state, stage, pause, failure, result, at } = change;
    const optional = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value));
    await this.#db.run(sql, rev, state, stage, optional(pause), optional(failure), optional(result), at, id, rev);
  }

  setBase(id: string, base: Base): Promise<number> {
    return this.#db.run('UPDATE sessions SET base_json = ? WHERE id = ?', JSON.stringify(base), id);
  }

  setContract(id: string, contract: Contract): Promise<number> {
    return this.#db.run('UPDATE sessions SET contract_json = ? WHERE id = ?', JSON.stringify(contract), id);
  }

  /**
   * Adds what a call has used that wrote the contract, or failed to. It is not fenced: what an attempt that was overtaken has spent is
   * spent as well.
   */
  async addContractUsage(id: string, usage: Usage): Promise<void> {
    await this.#db.transaction(async (queries) => {
      const text = (await queries.get('SELECT contract_usage_json FROM sessions WHERE id = ?', id))?.[
        'contract_usage_json'
      ];
      const before = typeof text === 'string' ? (JSON.parse(text) as Usage) : noUsage;
      const sum = JSON.stringify(addUsage(before, usage));
      await queries.run('UPDATE sessions SET contract_usage_json = ? WHERE id = ?', sum, id);
    });
  }

  setFrozen(id: string, frozen: Frozen): Promise<number> {
    return this.#db.run('UPDATE sessions SET frozen_json = ? WHERE id = ?', JSON.stringify(frozen), id);
  }

  /** Has the result delivered to another branch than the one that was agreed. */
  setDeliveryBranch(id: string, branch: string): Promise<number> {
    return this.#db.run('UPDATE sessions SET delivery_branch = ? WHERE id = ?', branch, id);
  }

  /** Replaces the agent's plan, unless a newer attempt than `epoch` has taken over. */
  setPlan(id: string, epoch: number, plan: readonly PlanStep[], at: number): Promise<number> {
    const sql = 'UPDATE sessions SET plan_json = ?, updated_at = ? WHERE id = ? AND epoch = ?';
    return this.#db.run(sql, JSON.stringify(plan), at, id, epoch);
  }

  /** Ids of the sessions that have not ended. */
  async live(): Promise<string[]> {
    const rows = await this.#db.all(
      "SELECT id FROM sessions WHERE state NOT IN ('COMPLETE', 'FAILED') ORDER BY created_at",
    );
    return rows.map((row) => String(row['id']));
  }

  /** Ids of the sessions that have ended after that moment, in epoch milliseconds. */
  async endedSince(at: number): Promise<string[]> {
    const sql = "SELECT id FROM sessions WHERE state IN ('COMPLETE', 'FAILED') AND updated_at > ? ORDER BY updated_at";
    return (await this.#db.all(sql, at)).map((row) => String(row['id']));
  }

  /**
   * Ids of the sessions that have ended before that moment, in epoch milliseconds, and from which nothing can follow: where credentials
   * are kept for a pull request (see PullRequestTerms), it is still open.
   */
  async endedBefore(at: number): Promise<string[]> {
    const sql = `SELECT id FROM sessions WHERE state IN ('COMPLETE', 'FAILED') AND updated_at < ? AND NOT EXISTS (
      SELECT 1 FROM pull_requests p JOIN secrets s ON s.session_id = p.session_id
      WHERE p.session_id = sessions.id AND s.name <> 'webhook.secret'
    ) ORDER BY updated_at`;
    return (await this.#db.all(sql, at)).map((row) => String(row['id']));
  }

  /** Asks the running chunk to return at its next turn border, or takes that back. */
  setHeld(id: string, held: boolean): Promise<number> {
    return this.#db.run('UPDATE sessions SET held = ? WHERE id = ?', held ? 1 : 0, id);
  }

  /** True while the session is asked to stop between two turns. */
  async isHeld(id: string): Promise<boolean> {
    return Number((await this.#db.get('SELECT held FROM sessions WHERE id = ?', id))?.['held']) === 1;
  }

  /** Removes the session and everything that hangs on it; the bytes of its blobs go with the next sweep of {@link KeptBlobs}. */
  async delete(id: string): Promise<void> {
    await this.#db.transaction(async (queries) => {
      const doom = `INSERT INTO doomed_blobs (blob) SELECT blob FROM blob_claims WHERE session_id = ? ON CONFLICT (blob) DO NOTHING`;
      await queries.run(doom, id);
      await queries.run('DELETE FROM idempotency WHERE session_id = ?', id);
      await queries.run('DELETE FROM sessions WHERE id = ?', id);
    });
  }
}

async function earlierOf(
  queries: Queries,
  tenant: string,
  idempotency: NewSession['idempotency'],
): Promise<string | null> {
  if (idempotency === null) return null;
  const sql = 'SELECT session_id, body_sha256 FROM idempotency WHERE tenant = ? AND key = ?';
  const row = await queries.get(sql, tenant, idempotency.key);
  if (row === undefined) return null;
  if (row['body_sha256'] !== idempotency.bodySha256) {
    throw new HoldfastError(
      'IDEMPOTENCY_MISMATCH',
      `Idempotency-Key ${idempotency.key} came with another body before.`,
    );
  }
  return String(row['session_id']);
}

async function insert(queries: Queries, session: NewSession): Promise<void> {
  const { id, tenant, task, createdAt, secrets, idempotency } = session;
  const repository = task.source.kind === 'repository' ? task.source.url : task.source.path;
  await queries.run(
    `INSERT INTO sessions (id, tenant, repository, parent, task_json, state, stage, rev, plan_json, contract_usage_json, epoch, held, created_at,
     updated_at) VALUES (?, ?, ?, ?, ?, 'INIT', 'pending', 0, '[]', ?, 0, 0, ?, ?)`,
    id,
    tenant,
    repository,
    task.parent?.sessionId ?? null,
    JSON.stringify(task),
    JSON.stringify(noUsage),
    createdAt,
    createdAt,
  );
  if (task.parent !== undefined) await copyCheckpoint(queries, id, task.parent);
  for (const label of new Set(task.labels)) {
    await queries.run('INSERT INTO session_labels (session_id, label) VALUES (?, ?)', id, label);
  }
  for (const { name, sealed } of secrets) {
    await queries.run('INSERT INTO secrets (session_id, name, sealed) VALUES (?, ?, ?)', id, name, sealed);
  }
  if (idempotency === null) return;
  const sql = 'INSERT INTO idempotency (tenant, key, body_sha256, session_id, created_at) VALUES (?, ?, ?, ?, ?)';
  await queries.run(sql, tenant, idempotency.key, idempotency.bodySha256, id, createdAt);
}

function toRecord(row: Row): SessionRecord {
  const json = <T>(column: string): T | null => {
    const text = row[column];
    return typeof text === 'string' ? (JSON.parse(text) as T) : null;
  };
  return {
    id: String(row['id']),
    tenant: String(row['tenant']),
    task: Task.parse(json('task_json')),
    state: row['state'] as Phase,
    stage: row['stage'] as Stage,
    rev: Number(row['rev']),
    base: json('base_json'),
    contract: json('contract_json'),
    contractUsage: json('contract_usage_json'),
    frozen: json('frozen_json'),
    plan: json('plan_json') ?? [],
    pause: json('pause_json'),
    failure: json('failure_json'),
    result: json('result_json'),
    deliveryBranch: row['delivery_branch'] as string | null,
    createdAt: Number(row['created_at']),
    updatedAt: Number(row['updated_at']),
  };
}
