import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createBareRepository } from '../../src/git/bare-repository.ts';
import { fetchInto } from '../../src/git/fetch.ts';
import { plumbLine } from '../../src/git/plumbing.ts';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { withoutProgress } from '../../src/git/progress-lines.ts';
import { openDirectory } from '../support/open-directory.ts';
import { credentials, gitSetting } from './setting.ts';
import { slowLine, type Line } from './slow-line.ts';

const IDLE_MS = 4_000;
/** Git hands on what comes in packets of 64 KiB: there are many of them in {@link IDLE_MS}. */
const BYTES_PER_SECOND = 130_000;

/** A repository that does not compress, an empty mirror of it, and a line between them. */
async function along(line: Line) {
  const { server } = await gitSetting();
  const url = await server.createRepository('app', { 'a.txt': randomBytes(9 * BYTES_PER_SECOND).toString('hex') });
  const { commit, ref } = await probeRemote({ url, credentials });
  const gitDir = join(openDirectory(), 'mirror.git');
  await createBareRepository(gitDir);
  const slow = new URL(url);
  slow.port = String(await slowLine(Number(slow.port), line));
  const fetch = () => fetchInto(gitDir, { url: slow.href, credentials }, [ref, commit], { idleMs: IDLE_MS });
  return { commit, fetch, typeOf: () => plumbLine(gitDir, ['cat-file', '-t', commit]) };
}

test('a fetch that takes many times the longest silence comes to its end, for git tells its progress', async () => {
  const { fetch, typeOf } = await along({ bytesPerSecond: BYTES_PER_SECOND });
  const started = performance.now();
  await fetch();
  expect(performance.now() - started).toBeGreaterThan(2 * IDLE_MS);
  expect(await typeOf()).toBe('commit');
}, 60_000);

test('a fetch that stands still is given up as a remote that cannot be reached', async () => {
  const { fetch } = await along({ bytesPerSecond: 200_000, stallAfter: 60_000 });
  await expect(fetch()).rejects.toMatchObject({ code: 'REPOSITORY_UNREACHABLE', retryable: true });
}, 60_000);

test('a fetch that is cut says what git said of it, and not how far it had come', async () => {
  const { fetch } = await along({ bytesPerSecond: 200_000, cutAfter: 60_000 });
  const failure = await fetch().then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: 'REPOSITORY_UNREACHABLE' });
  expect(String(failure)).not.toContain('%');
}, 60_000);

test('what git tells of its progress is no part of what it says', () => {
  const said = [
    'remote: Enumerating objects: 1000, done.',
    'remote: Counting objects:  40% (401/1000)\rremote: Counting objects: 100% (1000/1000), done.',
    'remote: Total 1000 (delta 3), reused 0 (delta 0), pack-reused 0',
    'Receiving objects:  40% (403/1000), 1.20 MiB | 88.00 KiB/s\rfatal: early EOF',
    'remote: error: hook declined: 401 is not the answer',
    'Resolving deltas: 100% (3/3), done.',
  ].join('\n');
  expect(withoutProgress(said).split('\n')).toEqual([
    'fatal: early EOF',
    'remote: error: hook declined: 401 is not the answer',
  ]);
});
