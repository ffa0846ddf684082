import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Client } from '@temporalio/client';
import { workflowIdOf } from '../../src/domain/session.ts';
import { createClient } from '../../src/temporal/connection.ts';
import type { Holdfast } from './holdfast.ts';
import { namesBelow } from './live-files.ts';

/** Everything that is left of a session: rows, files, blobs that nobody claims, processes, and its workflow while it runs. */
export async function tracesOf(holdfast: Holdfast, id: string): Promise<string[]> {
  const sessions = join(holdfast.dataDir, 'sessions');
  return [
    ...rowsOf(join(sessions, 'records.db'), id.slice('ses_'.length)),
    ...unclaimed(sessions),
    ...namesBelow(join(holdfast.dataDir, 'work')).filter((name) => name.includes(id)),
    ...processesWith(id),
    ...(await withClient(holdfast, (client) => isRunning(client, workflowIdOf(id)))),
  ];
}

/** The command lines and mounts of processes of this machine that have a text in them. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => ['cmdline', 'mountinfo'].map((file) => `/proc/${pid}/${file}`))
    .filter((file) => readQuietly(file).includes(text));
}

/** How many processes of this machine run exactly this command. */
export function countRunning(command: string): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => readQuietly(`/proc/${pid}/cmdline`).trim() === command).length;
}

function readQuietly(file: string): string {
  try {
    return readFileSync(file, 'utf8').replaceAll('\0', ' ');
  } catch {
    return ''; // Gone since it was listed.
  }
}

function rowsOf(file: string, text: string): string[] {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return tables.flatMap(({ name }) => {
      const rows = db.prepare(`SELECT * FROM ${String(name)}`).all();
      return rows.filter((row) => JSON.stringify(row).includes(text)).map(() => `row of ${String(name)}`);
    });
  } finally {
    db.close();
  }
}

function unclaimed(sessions: string): string[] {
  const db = new DatabaseSync(join(sessions, 'records.db'), { readOnly: true, timeout: 5000 });
  try {
    const files = namesBelow(join(sessions, 'blobs')).map((path) => path.slice(path.lastIndexOf('/') + 1));
    const claims = new Set(
      db
        .prepare('SELECT blob FROM blob_claims')
        .all()
        .map(({ blob }) => String(blob)),
    );
    return files
      .filter((name) => /^[0-9a-f]{64}$/.test(name) && !claims.has(`sha256:${name}`))
      .map((name) => `blob ${name}`);
  } finally {
    db.close();
  }
}

/** The workflows that still deliver webhooks of a session, as Temporal lists them: what it lists may be a moment old. */
export function deliveriesOf(holdfast: Holdfast, id: string): Promise<string[]> {
  return withClient(holdfast, async (client) => {
    const running: string[] = [];
    for await (const { workflowId } of client.workflow.list({ query: 'ExecutionStatus = "Running"' }))
      if (workflowId.startsWith(`webhook/evt_${id.slice('ses_'.length)}`)) running.push(workflowId);
    return running;
  });
}

async function isRunning(client: Client, workflowId: string): Promise<string[]> {
  const { status } = await client.workflow.getHandle(workflowId).describe();
  return status.name === 'RUNNING' ? [`workflow ${workflowId}`] : [];
}

async function withClient<T>({ temporalAddress }: Holdfast, work: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient({ connectionOptions: { address: temporalAddress }, namespace: 'default' });
  return work(client).finally(() => client.connection.close());
}
