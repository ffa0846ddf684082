import { canonicalJson, digestOf } from '../digest/canonical-json.ts';
import { Drift } from '../domain/drift.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';

const MAX_NAMED = 20;

/**
 * Looks whether the world has moved away from what was frozen, and says it early, once for each change. The decision is always the
 * same: what was frozen wins.
 */
export class DriftWatch {
  readonly #store: Store;
  readonly #git: GitManager;

  constructor(deps: { readonly store: Store; readonly git: GitManager }) {
    this.#store = deps.store;
    this.#git = deps.git;
  }

  /** The files of a local directory, each time the work begins or goes on. A directory that cannot be looked at stops nothing. */
  async lookAtDirectory({ sessionId, source, base, delivery }: Snapshot): Promise<void> {
    if (source.kind !== 'directory') return;
    const paths = await this.#git.driftOf(sessionId, source.path, base.tree).catch(() => []);
    if (paths.length === 0) return;
    const end =
      delivery === 'directory'
        ? 'nothing there is overwritten: unless it is changed back, the delivery ends with DIRECTORY_CHANGED'
        : 'the result is a patch against the frozen files';
    const decision = `The work goes on with the frozen files; ${end}.`;
    await this.#note(sessionId, { what: 'directory', paths: paths.slice(0, MAX_NAMED), count: paths.length, decision });
  }

  /** The models that have answered, where the provider names them: an alias may lead to another one than before the freeze. */
  async lookAtModels({ sessionId, model, servedModel }: Snapshot, answered: readonly string[]): Promise<void> {
    if (servedModel === undefined) return;
    for (const served of answered.filter((name) => name !== servedModel)) {
      const decision = `The work goes on with ${model.id}, as it was frozen; its provider now serves ${served} by that name.`;
      await this.#note(sessionId, { what: 'model', frozen: servedModel, served, decision });
    }
  }

  async #note(sessionId: string, data: Drift): Promise<void> {
    const key = `drift/${digestOf(canonicalJson(data)).slice('sha256:'.length, 23)}`;
    const event = { type: 'drift', state: 'EXECUTING', stage: 'coding', at: Date.now(), data } as const;
    await this.#store.events.append(sessionId, { key, ...event });
  }
}

/** Everything that was found to have moved in a session, in the order in which it was. */
export async function driftsOf({ events }: Pick<Store, 'events'>, sessionId: string): Promise<Drift[]> {
  return (await events.ofType(sessionId, 'drift')).map(({ data }) => Drift.parse(data));
}
