import { textPart, writeBundle, type Bundle, type BundlePart } from '../bundle/write-bundle.ts';
import { canonicalJson } from '../digest/canonical-json.ts';
import type { SessionEvent } from '../domain/events.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';

const EVENTS_PER_PAGE = 1000;

/**
 * Everything a session has agreed, done and left, as one archive; without secrets, for none of its parts holds any. The bundle of a
 * session that has ended is always the same bytes.
 * @throws HoldfastError SESSION_NOT_FOUND, SNAPSHOT_TAMPERED when anything of it is not as it was stored.
 */
export async function bundleOf(store: Store, id: string): Promise<Bundle> {
  const session = await store.sessions.get(id);
  const artifacts = await artifactParts(store, id);
  const has = (name: string) => artifacts.some((part) => part.name === name);
  const redactor = await store.redactorOf(id);
  const transcript = async () => redactor.text(lines(await store.journal.transcript(id)));
  const parts = [
    ...artifacts,
    textPart('session.json', await sessionText(store, session)),
    textPart('events.jsonl', lines(await eventsOf(store, id))),
    ...(has('transcript.jsonl') ? [] : [textPart('transcript.jsonl', await transcript())]),
    ...(has('contract.json') || session.contract === null
      ? []
      : [textPart('contract.json', canonicalJson(session.contract))]),
    ...(session.frozen === null ? [] : [await blobPart(store, 'snapshot.json', session.frozen.digest)]),
  ];
  const snapshot = session.frozen?.digest ?? null;
  return writeBundle({ sessionId: id, state: session.state, snapshot }, parts);
}

async function artifactParts(store: Store, id: string): Promise<BundlePart[]> {
  const parts: BundlePart[] = [];
  // One after the other: each is read, and so checked, before the first byte is sent.
  for (const { name, blob } of await store.artifacts.list(id)) parts.push(await blobPart(store, name, blob));
  return parts;
}

async function blobPart(store: Store, name: string, blob: string): Promise<BundlePart> {
  const { length } = await store.blobs.get(blob);
  return { name, sha256: blob, size: length, read: () => store.blobs.get(blob) };
}

async function sessionText(store: Store, session: SessionRecord): Promise<string> {
  const { id, task, state, base, contract, contractUsage, frozen, plan, failure, result, createdAt, updatedAt } =
    session;
  const usage = await store.journal.usage(id);
  const facts = {
    sessionId: id,
    state,
    createdAt,
    updatedAt,
    task,
    base,
    contract,
    frozen,
    plan,
    drift: (await store.events.ofType(id, 'drift')).map(({ data }) => data),
    usage,
    contractUsage,
    failure,
    result,
  };
  return `${JSON.stringify(facts, null, 1)}\n`;
}

async function eventsOf(store: Store, id: string): Promise<SessionEvent[]> {
  const events: SessionEvent[] = [];
  for (;;) {
    const page = await store.events.list(id, events.at(-1)?.seq ?? 0, EVENTS_PER_PAGE);
    events.push(...page);
    if (page.length < EVENTS_PER_PAGE) return events;
  }
}

function lines(items: readonly unknown[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}
