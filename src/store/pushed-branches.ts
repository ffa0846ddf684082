import { workBranchOf } from '../domain/session.ts';
import type { Database } from './database.ts';

/** A commit on its way to a branch. */
export interface Push {
  readonly sessionId: string;
  readonly branch: string;
  readonly commit: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A work branch that a failed session has left on its remote. */
export interface LeftBranch {
  readonly sessionId: string;
  readonly repository: string;
  readonly branch: string;
  /** Every commit that the session may have pushed there: at any other one it is not ours any more. */
  readonly commits: readonly string[];
}

/** What sessions have pushed: on record before it is sent, so that whatever a branch of ours is at can be told from what is not ours. */
export class PushedBranchRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Notes a push that is about to be sent. */
  async note({ sessionId, branch, commit, at }: Push): Promise<void> {
    const sql = `INSERT INTO pushed_branches (session_id, branch, head, at) VALUES (?, ?, ?, ?)
      ON CONFLICT (session_id, branch, head) DO NOTHING`;
    await this.#db.run(sql, sessionId, branch, commit, at);
  }

  /** True for a push that was about to be sent, whether it arrived or not. */
  async has({ sessionId, branch, commit }: Omit<Push, 'at'>): Promise<boolean> {
    const sql = 'SELECT head FROM pushed_branches WHERE session_id = ? AND branch = ? AND head = ?';
    return (await this.#db.all(sql, sessionId, branch, commit)).length > 0;
  }

  /**
   * What failed sessions have pushed to branches under the name that we give them, and have proposed to nobody. A branch that a caller
   * named is the caller's, a result that was delivered belongs to whoever asked for it, and what a session at work goes on from is needed.
   */
  async left(): Promise<LeftBranch[]> {
    const sql = `SELECT b.session_id AS id, b.branch AS branch, b.head AS head, s.repository AS repository
      FROM pushed_branches b JOIN sessions s ON s.id = b.session_id
      WHERE s.state = 'FAILED' AND NOT EXISTS (SELECT 1 FROM pull_requests p WHERE p.session_id = s.id)
        AND NOT EXISTS (SELECT 1 FROM sessions w JOIN pushed_branches o ON o.session_id = s.id
          WHERE w.state NOT IN ('COMPLETE', 'FAILED') AND w.base_json LIKE '%' || o.head || '%')
      ORDER BY b.session_id, b.at`;
    const rows = await this.#db.all(sql);
    const ours = rows.filter(({ id, branch }) => branch === workBranchOf(String(id)));
    return [...Map.groupBy(ours, ({ id }) => String(id))].map(([sessionId, pushes]) => ({
      sessionId,
      repository: String(pushes[0]?.['repository']),
      branch: workBranchOf(sessionId),
      commits: pushes.map(({ head }) => String(head)),
    }));
  }
}
