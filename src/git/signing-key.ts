import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gitEnvironment } from './git-environment.ts';

/**
 * Lets git sign with an SSH key (gpg.format=ssh, git-config(1)) while some work is done: the key is a file of ours alone for as long, in a
 * directory of the session, where also the next attempt finds and removes what a killed one left.
 * @param directory one that nothing else is in, and no sandbox sees
 */
export async function withSigningKey<T>(
  directory: string,
  key: string,
  work: (env: Readonly<Record<string, string>>) => Promise<T>,
): Promise<T> {
  await rm(directory, { recursive: true, force: true });
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const file = join(directory, 'key');
    await writeFile(file, `${key.trim()}\n`, { mode: 0o600, flag: 'wx' });
    const config = { 'gpg.format': 'ssh', 'gpg.ssh.program': 'ssh-keygen', 'user.signingKey': file };
    return await work({ ...gitEnvironment('nothing', config), TMPDIR: directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
