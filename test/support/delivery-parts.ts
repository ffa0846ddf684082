import { CommitManager } from '../../src/activities/commit-manager.ts';
import type { Credentials } from '../../src/activities/credentials.ts';
import { DeliveryProbe } from '../../src/activities/delivery-probe.ts';
import { forgeTransport } from '../../src/activities/forge-transport.ts';
import { BranchProtection } from '../../src/activities/branch-protection.ts';
import { PullRequests } from '../../src/activities/pull-request.ts';
import { SessionForges } from '../../src/activities/session-forges.ts';
import type { GitManager } from '../../src/git/git-manager.ts';
import type { Store } from '../../src/store/store.ts';

/** What delivers, as a worker composes it; forges may be on this machine. */
export function deliveryParts(parts: {
  readonly git: GitManager;
  readonly store: Store;
  readonly credentials: Credentials;
}): { readonly pullRequests: PullRequests; readonly commits: CommitManager; readonly delivery: DeliveryProbe } {
  const { credentials } = parts;
  const forges = new SessionForges({ credentials, transport: forgeTransport({ allowPrivate: true }) });
  const pullRequests = new PullRequests({ ...parts, forges });
  const protection = new BranchProtection(forges);
  return {
    pullRequests,
    commits: new CommitManager({ ...parts, pullRequests, protection }),
    delivery: new DeliveryProbe({ ...parts, pullRequests, protection }),
  };
}
