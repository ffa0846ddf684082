import { readSecretFile } from './usage-error.ts';

/** The options by which credentials of a session are given, as parseArgs takes them: secrets are read from files, never from arguments. */
export const credentialOptions = {
  'model-api-key-file': { type: 'string' },
  'git-token-file': { type: 'string' },
  'git-username': { type: 'string' },
  'git-ssh-key-file': { type: 'string' },
  'git-known-hosts-file': { type: 'string' },
  'git-ca-file': { type: 'string' },
  'forge-token-file': { type: 'string' },
  'signing-key-file': { type: 'string' },
} as const;

/** How a command that takes {@link credentialOptions} is called. */
export const credentialUsage = Object.keys(credentialOptions)
  .map((name) => `[--${name} ${name.endsWith('-file') ? 'file' : 'name'}]`)
  .join(' ');

/**
 * The `credentials` of a request; undefined when none were given.
 * @throws UsageError naming the option whose file cannot be read.
 */
export function credentialsOf(values: Readonly<Record<string, unknown>>): object | undefined {
  const read = (name: keyof typeof credentialOptions): string | undefined => {
    const file = values[name];
    return typeof file === 'string' ? readSecretFile(`--${name}`, file) : undefined;
  };
  const credentials = {
    modelApiKey: read('model-api-key-file'),
    gitToken: read('git-token-file'),
    gitUsername: values['git-username'],
    gitSshKey: read('git-ssh-key-file'),
    gitKnownHosts: read('git-known-hosts-file'),
    gitCa: read('git-ca-file'),
    forgeToken: read('forge-token-file'),
    signingKey: read('signing-key-file'),
  };
  return Object.values(credentials).some((value) => value !== undefined) ? credentials : undefined;
}
