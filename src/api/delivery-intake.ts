import type { DeliveryTerms, PullRequestTerms } from '../domain/delivery.ts';
import { forgeOf, repositoryOn } from '../domain/forge.ts';
import { workBranchOf } from '../domain/session.ts';
import { defaultAuthor, type Source, type Task } from '../domain/task.ts';
import type { Fault } from './errors.ts';
import type { CreateSession } from './schemas.ts';
import { signingKeyFault } from './signing-key.ts';

/** The parts of a request by which a result is delivered. */
export type DeliveryRequest = Pick<
  CreateSession,
  | 'delivery'
  | 'branch'
  | 'branchStrategy'
  | 'allowDefaultBranch'
  | 'allowProtectedBranch'
  | 'author'
  | 'coAuthors'
  | 'trailers'
  | 'signingKey'
  | 'forge'
  | 'forgeToken'
  | 'pullRequest'
  | 'source'
  | 'workingDir'
>;

/** What is wrong with how a result is to be delivered, as far as the request alone tells. */
export function deliveryFaults(request: Partial<DeliveryRequest>): Fault[] {
  const { branch, branchStrategy, delivery, pullRequest, signingKey, source, workingDir } = request;
  const faults: Fault[] = [];
  const fault = (path: string, message: string) => faults.push({ path, message });
  const isPushed = delivery === 'branch' || delivery === 'pull_request';
  if (delivery === 'directory' && workingDir === undefined) fault('delivery', 'directory needs workingDir');
  if (isPushed && workingDir !== undefined) fault('delivery', `${delivery} needs source.repoUrl`);
  if (branchStrategy === 'existing' && branch === undefined) fault('branch', 'is needed: which one exists?');
  if (branchStrategy === 'existing' && source?.ref !== undefined && source.ref !== branch) {
    fault('source.ref', 'is the branch itself with branchStrategy existing: leave it out');
  }
  if (pullRequest !== undefined && delivery !== 'pull_request') fault('pullRequest', 'needs delivery pull_request');
  if (pullRequest?.target !== undefined && pullRequest.target === branch) {
    fault('pullRequest.target', 'is the branch that is to be merged');
  }
  if (signingKey !== undefined) {
    const wrong = signingKeyFault(signingKey);
    if (wrong !== null) fault('signingKey', wrong);
  }
  if (delivery === 'pull_request') faults.push(...forgeFaults(request));
  return faults;
}

function forgeFaults({ forge, forgeToken, source }: Partial<DeliveryRequest>): Fault[] {
  if (source === undefined) return [];
  const faults: Fault[] = [];
  const spec = forge ?? forgeOf(source.repoUrl);
  if (spec === null) {
    const message = 'is needed: the host of the repository does not say which forge it is';
    faults.push({ path: 'forge', message });
  } else if (repositoryOn(spec, source.repoUrl) === null) {
    faults.push({ path: 'source.repoUrl', message: 'names no repository on a forge' });
  }
  if (forgeToken === undefined && source.credentials?.token === undefined) {
    faults.push({
      path: 'forgeToken',
      message: 'is needed to open a pull request; source.credentials.token does, too',
    });
  }
  return faults;
}

/** The source as the delivery wants it: a branch that is gone on with is where the work starts. */
export function sourceFor(source: Source, { branch, branchStrategy }: DeliveryRequest): Source {
  if (branchStrategy !== 'existing' || source.kind === 'directory' || branch === undefined) return source;
  return { ...source, ref: branch };
}

/** How the result of a task is delivered; a request that asks for nothing beyond kind and names has no terms. */
export function deliveryOf(
  id: string,
  request: DeliveryRequest & Pick<CreateSession, 'taskId' | 'userPrompt'>,
  source: Source,
  at: Date,
): Pick<Task, 'delivery' | 'branch' | 'author' | 'terms'> {
  const { allowDefaultBranch, allowProtectedBranch, author, branchStrategy, coAuthors, signingKey, trailers } = request;
  const delivery = request.delivery ?? (source.kind === 'directory' ? 'directory' : 'branch');
  const terms: DeliveryTerms = {
    branchUse: branchStrategy === 'existing' ? 'existing' : 'new',
    allowDefaultBranch,
    ...(allowProtectedBranch && { allowProtectedBranch }),
    coAuthors,
    trailers: Object.entries(trailers).map(([name, value]) => ({ name, value })),
    isSigned: signingKey !== undefined,
    pullRequest: delivery === 'pull_request' ? pullRequestOf(request, source) : null,
  };
  const asks =
    terms.branchUse !== 'new' ||
    allowDefaultBranch ||
    allowProtectedBranch ||
    terms.isSigned ||
    terms.pullRequest !== null ||
    coAuthors.length + terms.trailers.length > 0;
  return {
    delivery,
    branch: branchNameOf(id, request, at),
    author: author ?? defaultAuthor,
    ...(asks && { terms }),
  };
}

function pullRequestOf({ forge, pullRequest }: DeliveryRequest, source: Source): PullRequestTerms | null {
  const spec = forge ?? (source.kind === 'repository' ? forgeOf(source.url) : null);
  if (spec === null) return null;
  const { target = null, title = null, draft = true, readyWhenVerified = true } = pullRequest ?? {};
  const { followUps = false, labels = [], reviewers = [] } = pullRequest ?? {};
  return { forge: spec, target, title, draft, readyWhenVerified, followUps, labels, reviewers };
}

/** The branch of a session: the template filled in, with a part of the session's id where it has to be unique. */
function branchNameOf(
  id: string,
  { branch, branchStrategy, taskId, userPrompt }: DeliveryRequest & Pick<CreateSession, 'taskId' | 'userPrompt'>,
  at: Date,
): string {
  if (branch === undefined) return workBranchOf(id);
  const plainId = id.replace(/^ses_/, '');
  const values: Readonly<Record<string, string>> = {
    id: plainId.slice(0, 12),
    taskId: slugOf(taskId ?? plainId),
    date: at.toISOString().slice(0, 10),
    slug: slugOf(userPrompt),
  };
  const name = branch.replace(/\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
  return branchStrategy === 'unique' ? `${name}-${plainId.slice(0, 8)}` : name;
}

function slugOf(text: string): string {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return words.slice(0, 40).replace(/^-+|-+$/g, '') || 'task';
}
