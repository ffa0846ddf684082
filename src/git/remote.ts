import { simpleGit, type SimpleGit } from 'simple-git';
import { HoldfastError } from '../domain/failure.ts';
import type { GitCredentials } from '../domain/git-credentials.ts';
import type { OutboundPolicy } from '../domain/network-address.ts';
import { Redactor } from '../redaction/redactor.ts';
import { CredentialFiles } from './credential-files.ts';
import { basicAuthentication, gitEnvironment } from './git-environment.ts';
import { pinnedAddress } from './pinned-address.ts';
import { gitFailed } from './plumbing.ts';
import { withoutProgress } from './progress-lines.ts';
import { proxyCommand } from './ssh-dial.ts';

const TOTAL_MS = 30 * 60_000;
/** Silence of git itself; that of the network ends earlier, see http.lowSpeedTime and ServerAliveInterval. */
const IDLE_MS = 10 * 60_000;

/** A repository elsewhere: an http(s) or SSH URL (also as `user@host:path`), or an absolute path. */
export interface Remote {
  readonly url: string;
  readonly credentials?: GitCredentials | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where it may lead; left out, anywhere. */
  readonly network?: OutboundPolicy | undefined;
}

/** How long a command may take, in milliseconds: in all, and without a word. A remote that stalls is given up earlier. */
export interface RemoteLimits {
  readonly timeoutMs?: number;
  readonly idleMs?: number;
}

/**
 * Runs a git command that talks to the remote. One that takes long is to tell its progress, which is its sign of life.
 * @throws HoldfastError REPOSITORY_AUTH_FAILED, HOST_UNTRUSTED, HOST_KEY_CHANGED, REPOSITORY_UNREACHABLE, REF_NOT_FOUND,
 * REMOTE_DIVERGED, PATH_NOT_ALLOWED (a local repository of another user) or GIT_FAILED; never with a credential in it.
 */
export async function runRemote(
  gitDir: string,
  remote: Remote,
  args: readonly string[],
  { timeoutMs = TOTAL_MS, idleMs = IDLE_MS }: RemoteLimits = {},
): Promise<string> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const abort = remote.signal === undefined ? timeout : AbortSignal.any([remote.signal, timeout]);
  const reach = reachOf(remote.url);
  const { pin, proxy } = await checkedWay(reach, remote);
  using files = CredentialFiles.write(reach, remote.credentials, proxy);
  try {
    const told = { env: files.env, config: { ...files.config, ...pin } };
    return await client(gitDir, environmentOf(reach, remote, told), abort, idleMs).raw([...args]);
  } catch (error) {
    if (remote.signal?.aborted) throw remote.signal.reason;
    if (timeout.aborted)
      throw new HoldfastError('REPOSITORY_UNREACHABLE', `${remote.url} did not answer within ${timeoutMs} ms.`);
    throw classify(error, remote);
  }
}

function reachOf(url: string): 'http' | 'ssh' | 'local' {
  if (url.startsWith('/')) return 'local';
  return /^https?:/.test(url) ? 'http' : 'ssh';
}

/** What git and ssh are told, each in its way, so that they dial addresses that were checked and no others. */
async function checkedWay(
  reach: 'http' | 'ssh' | 'local',
  { url, network }: Remote,
): Promise<{ readonly pin: Readonly<Record<string, string>>; readonly proxy?: string }> {
  if (network === undefined || reach === 'local') return { pin: {} };
  if (reach === 'http') return { pin: await pinnedAddress(url, network) };
  return { pin: {}, proxy: await proxyCommand(url, network) };
}

function environmentOf(
  reach: 'http' | 'ssh' | 'local',
  { url, credentials: { username = 'x-access-token', token } = {} }: Remote,
  files: Pick<CredentialFiles, 'config' | 'env'>,
): Record<string, string> {
  const authentication = reach === 'http' && token !== undefined ? basicAuthentication(url, username, token) : {};
  return { ...gitEnvironment(reach, { ...authentication, ...files.config }), ...files.env };
}

function client(gitDir: string, environment: Record<string, string>, abort: AbortSignal, idleMs: number): SimpleGit {
  const env = { ...environment, GIT_DIR: gitDir };
  // simple-git refuses what could run a program; all of it is set here to switch such programs off, so each is allowed by name.
  const unsafe = {
    allowUnsafeAskPass: true,
    allowUnsafeConfigEnvCount: true,
    allowUnsafeConfigPaths: true,
    allowUnsafeEditor: true,
    allowUnsafeSshCommand: true,
    allowUnsafeProtocolOverride: true,
    allowUnsafeCredentialHelper: true,
    allowUnsafeFsMonitor: true,
    allowUnsafeGitProxy: true,
    allowUnsafeGpgProgram: true,
    allowUnsafeHooksPath: true,
    allowUnsafePager: true,
    allowUnsafeExec: true,
  };
  const options = { baseDir: gitDir, abort, timeout: { block: idleMs }, allowEnvironment: Object.keys(env), unsafe };
  return simpleGit(options).env(env);
}

const authWords = [
  /Authentication failed|could not read (Username|Password)|terminal prompts disabled|\b(401|403)\b|Forbidden|Unauthorized/i,
  /Permission denied \(|Permission to .* denied|Too many authentication failures|marked as read only|are not allowed to/i,
];
const changedWords = /HOST IDENTIFICATION HAS CHANGED|marked as revoked|REVOKED HOST KEY/i;
/** Nothing that was given vouches for the host: its key, or whoever signed its certificate. */
const untrustedWords =
  /Host key verification failed|host key is known for|certificate (verification failed|problem)|SSL certificate/i;
/** The commit is not there, or this server hands out only what a ref points at. */
const missingWords = /not our ref|unadvertised object|couldn't find remote ref/i;
/** How GitHub, GitLab and Gitea say that a rule of theirs guards the branch. */
const protectedWords = /protected branch|GH006|GH013|repository rule violations/i;
/** A hook said no; that the branch is in the way is said in other words. */
const refusedWords = /\[remote rejected\].*\((?!.*(lock|already exists|failed to update|old value))/i;
const divergedWords = /stale info|non-fast-forward|fetch first|\[rejected\]|remote rejected/i;
const unreachableWords = [
  /not found|does not (exist|appear)|Could not resolve|unable to access|unable to connect|Connection|timed out|early EOF/i,
  /hung up|RPC failed|unexpected disconnect|access rights|returned error|HTTP\/|low speed|Operation too slow/i,
  /block timeout/, // What simple-git says of a git that says nothing.
];

function classify(error: unknown, { url, credentials }: Remote): HoldfastError {
  const said = scrub(withoutProgress(error instanceof Error ? error.message : String(error)), credentials);
  const failed = gitFailed(said);
  if (failed.code === 'STORAGE_FAILED') return failed;
  if (protectedWords.test(said)) return new HoldfastError('BRANCH_PROTECTED', `${url} refuses the push: ${said}`);
  if (changedWords.test(said)) {
    return new HoldfastError('HOST_KEY_CHANGED', `The host of ${url} shows another key than the known one.`);
  }
  if (untrustedWords.test(said)) return new HoldfastError('HOST_UNTRUSTED', `The host of ${url} is not known: ${said}`);
  if (/Load key|error in libcrypto|incorrect passphrase/.test(said)) {
    const remedy = 'Give a private key without a passphrase, as ssh-keygen(1) makes it.';
    return new HoldfastError('REPOSITORY_AUTH_FAILED', `The SSH key for ${url} cannot be read.`, { remedy });
  }
  if (authWords.some((words) => words.test(said))) {
    return new HoldfastError('REPOSITORY_AUTH_FAILED', `${url} refuses the credentials: ${said}`);
  }
  if (missingWords.test(said)) return new HoldfastError('REF_NOT_FOUND', `${url} does not have the commit: ${said}`);
  if (/dubious ownership/.test(said)) {
    const remedy = 'Run the server as the owner of the repository, or give the repository to the user of the server.';
    return new HoldfastError('PATH_NOT_ALLOWED', `${url} belongs to another user than the server's.`, { remedy });
  }
  if (refusedWords.test(said)) return new HoldfastError('REPOSITORY_AUTH_FAILED', `${url} refuses the push: ${said}`);
  if (divergedWords.test(said)) return new HoldfastError('REMOTE_DIVERGED', `${url} refuses the push: ${said}`);
  if (unreachableWords.some((words) => words.test(said))) {
    return new HoldfastError('REPOSITORY_UNREACHABLE', `${url} cannot be reached: ${said}`);
  }
  return failed;
}

/** Git does not print headers; this is the second wall. */
function scrub(text: string, { token = '', sshKey = '' }: GitCredentials = {}): string {
  const redactor = new Redactor().add('git.token', token).add('git.sshKey', sshKey);
  return redactor.text(text).replace(/\s+/g, ' ').trim().slice(0, 500);
}
