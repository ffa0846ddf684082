import { CommitManager } from '../../src/activities/commit-manager.ts';
import type { Credentials } from '../../src/activities/credentials.ts';
import { DeliveryProbe } from '../../src/activities/delivery-probe.ts';
import { forgeTransport } from '../../src/activities/forge-transport.ts';
import { PullRequests } from '../../src/activities/pull-request.ts';
import type { GitManager } from '../../src/git/git-manager.ts';
import type { Store } from '../../src/store/store.ts';

/** What delivers, as a worker composes it; forges may be on this machine. */
export function deliveryParts(parts: {
  readonly git: GitManager;
  readonly store: Store;
  readonly credentials: Credentials;
}): { readonly pullRequests: PullRequests; readonly commits: CommitManager; readonly delivery: DeliveryProbe } {
  const pullRequests = new PullRequests({ ...parts, transport: forgeTransport({ allowPrivate: true }) });
  return {
    pullRequests,
    commits: new CommitManager({ ...parts, pullRequests }),
    delivery: new DeliveryProbe({ ...parts, pullRequests }),
  };
}
