import { createServer } from 'node:net';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sandboxSetting } from './setting.ts';

test('a command works in its workspace, as an ordinary user without capabilities', async () => {
  const { bash, spec } = await sandboxSetting();
  const { out, exitCode } = await bash('id -u; pwd; grep CapEff /proc/self/status; echo kept > file; exit 3');
  expect(out.split('\n').slice(0, 3)).toEqual(['1000', '/workspace', 'CapEff:\t0000000000000000']);
  expect(exitCode).toBe(3);
  expect(readFileSync(join(spec.workspace, 'file'), 'utf8')).toBe('kept\n');
});

test.each(['/usr/bin/x', '/etc/x', '/x', '/bin/x', '/workspace/../x', '/proc/sys/kernel/hostname', '/dev/x'])(
  'a write to %s is refused',
  async (path) => {
    const { bash } = await sandboxSetting();
    expect((await bash(`echo evil > ${path}`)).exitCode).not.toBe(0);
  },
);

test('files beside the workspace, root and home directories and the server data do not exist inside', async () => {
  const { bash, directory } = await sandboxSetting();
  writeFileSync(join(directory, 'secret'), 'canary-file');
  const { out } = await bash(
    `cat ${directory}/secret; ls /root /home /var /sys /run /srv; ls -A /home/agent; cat /etc/shadow`,
  );
  expect(out).not.toContain('canary-file');
  expect(out.match(/No such file/g)?.length).toBeGreaterThanOrEqual(7);
});

test('a symbolic or hard link to a file of the server leads nowhere', async () => {
  const { bash, directory, spec } = await sandboxSetting();
  writeFileSync(join(directory, 'secret'), 'canary-link');
  chmodSync(join(directory, 'secret'), 0o644);
  symlinkSync(join(directory, 'secret'), join(spec.workspace, 'link'));
  const { out } = await bash(`cat link; ln ${directory}/secret hard; cat hard`);
  expect(out).not.toContain('canary-link');
});

test('the environment, the processes and the arguments of the server are invisible', async () => {
  process.env['HOLDFAST_TEST_CANARY'] = 'canary-env';
  onTestFinished(() => void delete process.env['HOLDFAST_TEST_CANARY']);
  const { bash, directory } = await sandboxSetting();
  const { out } = await bash('env; cat /proc/*/environ /proc/*/cmdline | tr "\\0" "\\n"; ps ax | wc -l');
  expect(out).not.toContain('canary-env');
  expect(out).not.toContain(directory);
});

test('nothing of the network can be reached: loopback, unix sockets of the host, the Internet, vsock', async () => {
  const { bash, directory } = await sandboxSetting();
  let calls = 0;
  const server = createHttpServer((_, response) => {
    calls += 1;
    response.end('reached');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const unix = createServer(() => (calls += 1));
  await new Promise<void>((resolve) => unix.listen(join(directory, 'socket'), resolve));
  onTestFinished(() => {
    server.close();
    unix.close();
  });
  const { port } = server.address() as AddressInfo;
  const python = `import socket
for kind in (socket.AF_VSOCK, socket.AF_PACKET, socket.AF_ALG):
    try: socket.socket(kind, socket.SOCK_RAW if kind == socket.AF_PACKET else socket.SOCK_STREAM if kind == socket.AF_VSOCK else socket.SOCK_SEQPACKET); print("OPENED", kind)
    except OSError as error: print("refused")`;
  const { out } = await bash(
    `(echo > /dev/tcp/127.0.0.1/${port}) && echo CONNECTED; (echo > /dev/udp/169.254.169.254/53) && echo CONNECTED; ls ${directory}/socket; /usr/bin/python3 -c '${python}'`,
  );
  expect(out).not.toMatch(/CONNECTED|OPENED/);
  expect(calls).toBe(0);
});

test.each([
  ['su', 'su -c id root'],
  ['a further user namespace', 'unshare --user --map-root-user id'],
  ['a mount', 'mount -t tmpfs none /tmp'],
  ['a remount of /usr', 'mount -o remount,bind,rw /usr'],
  ['bubblewrap in bubblewrap', 'bwrap --unshare-all --ro-bind / / id'],
  ['a device node', 'mknod /tmp/disk b 8 0'],
  ['chroot', 'chroot /usr id'],
  ['another namespace of init', 'nsenter -t 1 -m id'],
])('%s is refused', async (_, command) => {
  const { bash } = await sandboxSetting();
  expect((await bash(command)).exitCode).not.toBe(0);
});

test("the workspace's own .git can be read and not written, unless the session owns it", async () => {
  const { bash, spec, sandbox } = await sandboxSetting();
  mkdirSync(join(spec.workspace, '.git', 'hooks'), { recursive: true });
  writeFileSync(join(spec.workspace, '.git', 'config'), '[core]\n');
  await sandbox.adopt(spec.workspace);
  const { out } = await bash(
    'cat .git/config; echo x > .git/hooks/pre-commit; echo x >> .git/config; rm -rf .git; mv .git other',
  );
  expect(out).toContain('[core]');
  expect(readFileSync(join(spec.workspace, '.git', 'config'), 'utf8')).toBe('[core]\n');
  expect(existsSync(join(spec.workspace, '.git', 'hooks', 'pre-commit'))).toBe(false);
});

test('a .git that is a symbolic link is not mounted: nothing is started', async () => {
  const { bash, directory, spec } = await sandboxSetting();
  symlinkSync(directory, join(spec.workspace, '.git'));
  await expect(bash('id')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
});

test('stdin is empty unless it is given, there is no terminal, and no descriptor is inherited', async () => {
  const { bash } = await sandboxSetting();
  expect((await bash('cat; tty; ls /proc/self/fd')).out).toMatch(/^not a tty\n0\n1\n2\n3\n$/);
  expect((await bash('cat', { stdin: 'given' })).out).toBe('given');
});
