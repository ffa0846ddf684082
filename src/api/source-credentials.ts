import type { z } from '@hono/zod-openapi';
import { gitSecrets, type GitCredentials } from '../domain/git-credentials.ts';
import type { SecretName, Source } from '../domain/task.ts';
import type { Fault } from './errors.ts';
import type { Credentials } from './source-schemas.ts';

/** What fits only the other way to a repository, or is missing for the one that the source names. */
export function credentialFaults(source: Source, credentials: GitCredentials = {}): Fault[] {
  const faults: Fault[] = [];
  const say = (part: keyof GitCredentials, message: string): void =>
    void faults.push({ path: `source.credentials.${part}`, message });
  const wayOf = wayTo(source);
  if (wayOf === 'ssh') {
    if (credentials.sshKey === undefined) say('sshKey', 'is needed for a repository over SSH');
    if (credentials.knownHosts === undefined)
      say('knownHosts', 'is needed for a repository over SSH: see ssh-keyscan(1)');
    for (const part of ['token', 'username', 'ca'] as const)
      if (credentials[part] !== undefined) say(part, 'has no place over SSH');
    return faults;
  }
  for (const part of ['sshKey', 'knownHosts'] as const)
    if (credentials[part] !== undefined) say(part, 'needs a repository over SSH');
  if (credentials.username !== undefined && credentials.token === undefined) say('token', 'is needed with a username');
  return faults;
}

function wayTo(source: Source): 'ssh' | 'other' {
  return source.kind === 'repository' && !/^(\/|https?:)/.test(source.url) ? 'ssh' : 'other';
}

/** The credentials of a source as secrets, by the names under which they are sealed. */
export function sourceSecrets(credentials: GitCredentials = {}): [SecretName, string | undefined][] {
  return Object.entries(gitSecrets).map(([part, name]) => [name, credentials[part as keyof GitCredentials]]);
}

/** The secrets among what a resume or a fork brings along. */
export function givenSecrets(given: z.infer<typeof Credentials> = {}): Map<SecretName, string> {
  const pairs: [SecretName, string | undefined][] = [
    ...sourceSecrets({
      username: given.gitUsername,
      token: given.gitToken,
      sshKey: given.gitSshKey,
      knownHosts: given.gitKnownHosts,
      ca: given.gitCa,
    } as GitCredentials),
    ['git.signingKey', given.signingKey],
    ['forge.token', given.forgeToken],
    ['model.apiKey', given.modelApiKey],
  ];
  return new Map(pairs.filter((pair): pair is [SecretName, string] => pair[1] !== undefined));
}
