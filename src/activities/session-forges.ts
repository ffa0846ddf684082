import { HoldfastError } from '../domain/failure.ts';
import type { ForgeSpec } from '../domain/forge.ts';
import type { Task } from '../domain/task.ts';
import type { ForgeTransport } from '../git/forges/forge-api.ts';
import type { Forge } from '../git/forges/forge.ts';
import { openForge } from '../git/forges/open-forge.ts';
import type { Credentials } from './credentials.ts';

/** Opens the forges of sessions, each with the session's own token. */
export class SessionForges {
  readonly #credentials: Credentials;
  readonly #transport: ForgeTransport;

  constructor(deps: { readonly credentials: Credentials; readonly transport: ForgeTransport }) {
    this.#credentials = deps.credentials;
    this.#transport = deps.transport;
  }

  /** The repository of a session on its forge; null where the session has no token for it. */
  async find(sessionId: string, { source }: Pick<Task, 'source'>, spec: ForgeSpec): Promise<Forge | null> {
    const token = await this.#credentials.forge(sessionId);
    if (source.kind === 'directory') throw new HoldfastError('INVALID_REQUEST', 'A directory is on no forge.');
    return token === undefined ? null : openForge(spec, source.url, { token, transport: this.#transport });
  }

  /**
   * The same where a token is needed.
   * @throws HoldfastError FORGE_AUTH_FAILED when there is none
   */
  async open(sessionId: string, task: Pick<Task, 'source'>, spec: ForgeSpec): Promise<Forge> {
    const forge = await this.find(sessionId, task, spec);
    if (forge === null) throw new HoldfastError('FORGE_AUTH_FAILED', 'There is no token for the forge.');
    return forge;
  }
}
