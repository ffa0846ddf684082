import type { Verification } from '../domain/gate.ts';
import type { Store } from '../store/store.ts';

const nameOf = (round: number): string => `checks/round-${round}.json`;

/** Keeps what a round of verification found, as an artifact. */
export async function keepVerification(store: Store, sessionId: string, verification: Verification): Promise<void> {
  const redactor = await store.redactorOf(sessionId);
  const text = JSON.stringify(redactor.json(verification), null, 2);
  await store.artifacts.put(sessionId, nameOf(verification.round), 'application/json', text, Date.now());
}

/** What the rounds of a session found, in order. */
export async function verificationsOf(store: Store, sessionId: string): Promise<Verification[]> {
  const rounds: Verification[] = [];
  const names = new Set((await store.artifacts.list(sessionId)).map(({ name }) => name));
  while (names.has(nameOf(rounds.length))) {
    const { bytes } = await store.artifacts.read(sessionId, nameOf(rounds.length));
    rounds.push(JSON.parse(bytes.toString('utf8')) as Verification);
  }
  return rounds;
}
