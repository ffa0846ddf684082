import { HoldfastError } from '../domain/failure.ts';
import { withAddress } from '../domain/model-address.ts';
import { gitCredentialsOf, gitSecrets, type GitCredentials } from '../domain/git-credentials.ts';
import type { ModelSpec } from '../domain/model-spec.ts';
import type { Store } from '../store/store.ts';

/** The server's own model: its key may only go to the place it belongs to. */
export interface ServerModel {
  readonly spec: ModelSpec;
  /** Reads the key anew each time, so that a rotated key counts at once. */
  readonly key: () => string | undefined;
}

/** Opens the secrets of a session, one at a time, for the activity that needs them. */
export class Credentials {
  readonly #store: Store;
  readonly #serverModel: ServerModel;

  constructor(store: Store, serverModel: ServerModel) {
    this.#store = store;
    this.#serverModel = serverModel;
  }

  /** What opens the session's repository, or undefined when it was given nothing. */
  async git(sessionId: string): Promise<GitCredentials | undefined> {
    const names = Object.values(gitSecrets);
    const values = await Promise.all(names.map((name) => this.#store.secrets.get(sessionId, name)));
    return gitCredentialsOf((name) => values[names.indexOf(name)]);
  }

  /** The token for the forge of a session: its own, else the git token; undefined when it was given none. */
  async forge(sessionId: string): Promise<string | undefined> {
    const own = await this.#store.secrets.get(sessionId, 'forge.token');
    return own ?? (await this.git(sessionId))?.token;
  }

  /**
   * The SSH key that the commits of a session are signed with.
   * @throws HoldfastError SIGNING_KEY_MISSING
   */
  async signingKey(sessionId: string): Promise<string> {
    const key = await this.#store.secrets.get(sessionId, 'git.signingKey');
    if (key !== undefined) return key;
    throw new HoldfastError('SIGNING_KEY_MISSING', 'Its commits are to be signed, and the key for it is not here.');
  }

  /**
   * Does something with the model's key: the session's own; else the server's, if the session uses the server's provider at the server's
   * address. When it is refused and another one is there by then, the key has been rotated meanwhile, and it is done with that one.
   */
  async withModelKey<T>(sessionId: string, spec: ModelSpec, work: (key: string | undefined) => Promise<T>): Promise<T> {
    for (;;) {
      const key = await this.#modelKey(sessionId, spec);
      try {
        return await work(key);
      } catch (error) {
        if (!isRefusal(error) || key === (await this.#modelKey(sessionId, spec))) throw error;
      }
    }
  }

  async #modelKey(sessionId: string, spec: ModelSpec): Promise<string | undefined> {
    const own = await this.#store.secrets.get(sessionId, 'model.apiKey');
    if (own !== undefined) return own;
    const { spec: server, key } = this.#serverModel;
    const samePlace = withAddress(spec).baseUrl === withAddress(server).baseUrl;
    return spec.provider === server.provider && samePlace ? key() : undefined;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'MODEL_AUTH_FAILED' || error.code === 'MODEL_KEY_MISSING');
}
