import { Redactor } from './redactor.ts';

const SERVER = '';
/** Sessions whose secrets are remembered; those that were needed longest ago are forgotten first. */
const MAX_SESSIONS = 1000;

/**
 * The secrets that this process has had in the clear: whatever leaves it goes through here. A secret that it never opened cannot leak from
 * it. Where there is none, it still finds what has the shape of one.
 */
export class KnownSecrets {
  /** By owner, by value, the names; a value that was replaced stays known. */
  readonly #owners = new Map<string, Map<string, string>>();
  #all: Redactor | null = null;
  #sessions = new Map<string, Redactor>();

  /** Notes a secret of a session and gives it back. */
  learn(sessionId: string, name: string, value: string): string {
    const values = this.#owners.get(sessionId) ?? new Map<string, string>();
    this.#owners.delete(sessionId); // The order is that of the last need.
    this.#owners.set(sessionId, values);
    if (values.has(value)) return value;
    values.set(value, name);
    this.#all?.add(name, value);
    if (sessionId === SERVER) this.#sessions.clear();
    else this.#sessions.delete(sessionId);
    this.#forgetOldest();
    return value;
  }

  /** Notes a secret of the server, if there is one, and gives it back. */
  learnOfServer<V extends string | undefined>(name: string, value: V): V {
    if (value !== undefined) this.learn(SERVER, name, value);
    return value;
  }

  /** Looks for the secrets of a session and of the server. */
  of(sessionId: string): Redactor {
    const known = this.#sessions.get(sessionId);
    if (known !== undefined) return known;
    const redactor = this.#redactorOf([SERVER, sessionId]);
    if (this.#owners.has(sessionId)) this.#sessions.set(sessionId, redactor);
    return redactor;
  }

  /** Looks for what the session and the server have by value only: for what people write, whose words are not to be taken for secrets. */
  values(sessionId: string): Redactor {
    return this.#redactorOf([SERVER, sessionId], new Redactor({ shapes: false }));
  }

  /** Looks for everything: for what belongs to no session, such as logs. */
  all(): Redactor {
    return (this.#all ??= this.#redactorOf([...this.#owners.keys()]));
  }

  #redactorOf(owners: readonly string[], redactor = new Redactor()): Redactor {
    for (const owner of owners) for (const [value, name] of this.#owners.get(owner) ?? []) redactor.add(name, value);
    return redactor;
  }

  #forgetOldest(): void {
    if (this.#owners.size <= MAX_SESSIONS + 1) return;
    const oldest = [...this.#owners.keys()].find((owner) => owner !== SERVER);
    if (oldest === undefined) return;
    this.#owners.delete(oldest);
    this.#sessions.delete(oldest);
    this.#all = null;
  }
}
