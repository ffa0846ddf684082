import * as z from 'zod';

const pem = (what: RegExp) =>
  new RegExp(`^\\s*-----BEGIN (?:${what.source})-----[\\s\\S]+-----END (?:${what.source})-----\\s*$`);

/** What opens a repository: a name and a token (or password) over HTTP; a key, and the keys of the host, over SSH. */
export const GitCredentials = z
  .strictObject({
    /** Default: `x-access-token`, which GitHub, GitLab and Gitea take with a token; `oauth2` is GitLab's for its OAuth tokens. */
    username: z.string().trim().min(1).max(255),
    token: z.string().min(1).max(10_000),
    /** A private key without a passphrase. */
    sshKey: z
      .string()
      .max(20_000)
      .regex(pem(/(?:[A-Z]+ )?PRIVATE KEY/), 'must be a private key, from its BEGIN line to its END line'),
    /** The host's public keys, in the form of ssh-keyscan(1). */
    knownHosts: z.string().trim().min(1).max(100_000),
    /** Certificates, in PEM, of authorities to be trusted besides those that the machine trusts. */
    ca: z
      .string()
      .max(500_000)
      .regex(pem(/CERTIFICATE/), 'must be certificates in PEM'),
  })
  .partial();
export type GitCredentials = z.infer<typeof GitCredentials>;

/** The names under which the parts are sealed. */
export const gitSecrets = {
  username: 'git.username',
  token: 'git.token',
  sshKey: 'git.sshKey',
  knownHosts: 'git.knownHosts',
  ca: 'git.ca',
} as const satisfies Record<keyof GitCredentials, string>;

/** True for the name of such a part. */
export function opensRepository(name: string): boolean {
  return Object.values<string>(gitSecrets).includes(name);
}

/** The credentials that a set of secrets holds; undefined when it holds none. A name alone opens nothing. */
export function gitCredentialsOf(
  secret: (name: (typeof gitSecrets)[keyof typeof gitSecrets]) => string | undefined,
): GitCredentials | undefined {
  const parts = Object.entries(gitSecrets).map(([part, name]) => [part, secret(name)] as const);
  const given: GitCredentials = Object.fromEntries(parts.filter(([, value]) => value !== undefined));
  if (given.token === undefined) delete given.username;
  return Object.keys(given).length === 0 ? undefined : given;
}
