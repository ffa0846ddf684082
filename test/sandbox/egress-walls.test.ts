import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { until } from '../support/holdfast.ts';
import { egressSetting, outsideServer } from './egress-setting.ts';
import { sandboxSetting, type SandboxSetting } from './setting.ts';

/** A sandbox whose only way out is a proxy with these rules. */
async function withEgress(
  rules: readonly string[],
): Promise<SandboxSetting & Awaited<ReturnType<typeof egressSetting>>> {
  const sandbox = createSandbox({ mode: 'bwrap' });
  onTestFinished(() => sandbox.dispose());
  const egress = await egressSetting({ rules }, sandbox);
  return { ...egress, ...(await sandboxSetting({ egress: { socketPath: egress.proxy.socketPath } })) };
}

test('curl and Node.js reach a listed host by the proxy of the environment, and no other', async () => {
  const { port, seen } = await outsideServer();
  const { bash, blocked } = await withEgress([`a.test:${port}`]);
  const { out } = await bash(`curl -sS http://a.test:${port}/curl; echo
    /run/holdfast/node -e 'fetch("http://a.test:${port}/node").then((answer) => answer.text()).then(console.log)'
    curl -sS -p http://a.test:${port}/tunnel; echo; curl -sS http://b.test/; curl -sS https://c.test/`);
  expect(seen.map((line) => line.split(' ')[2])).toEqual(['/curl', '/node', '/tunnel']);
  expect(out.match(/^reached$/gm)).toHaveLength(3);
  expect(out).toContain('b.test:80 is blocked: it is not on the egress list of this task; the rule to add is "b.test"');
  expect(out).toContain('403');
  expect(blocked.map(({ host }) => host)).toEqual(['b.test', 'c.test']);
});

test('nothing else is reachable: no address, no resolver, no loopback or unix socket of the host, no raw socket', async () => {
  const { port, seen } = await outsideServer();
  const { bash, directory } = await withEgress([`a.test:${port}`]);
  let calls = 0;
  const unix = createServer(() => (calls += 1));
  await new Promise<void>((resolve) => unix.listen(join(directory, 'socket'), resolve));
  const abstract = createServer(() => (calls += 1));
  await new Promise<void>((resolve) => abstract.listen(`\0holdfast-test-${process.pid}`, resolve));
  onTestFinished(() => {
    unix.close();
    abstract.close();
  });
  const python = `import socket
tries = [(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", ${port})), (socket.AF_INET, socket.SOCK_STREAM, ("169.254.169.254", 80)),
  (socket.AF_INET6, socket.SOCK_STREAM, ("::1", ${port})), (socket.AF_INET, socket.SOCK_DGRAM, ("1.1.1.1", 53)),
  (socket.AF_INET, socket.SOCK_RAW, ("127.0.0.1", 0)), (socket.AF_PACKET, socket.SOCK_RAW, ("lo", 0)), (socket.AF_VSOCK, socket.SOCK_STREAM, (2, 1)),
  (socket.AF_UNIX, socket.SOCK_STREAM, "${directory}/socket"), (socket.AF_UNIX, socket.SOCK_STREAM, "\\0holdfast-test-${process.pid}")]
for family, kind, address in tries:
    try: s = socket.socket(family, kind); s.settimeout(2); s.connect(address); print("CONNECTED", address)
    except OSError: print("refused")
try: socket.getaddrinfo("a.test", 80); print("RESOLVED")
except OSError: print("refused")`;
  const { out } = await bash(
    `/usr/bin/python3 - <<'END'\n${python}\nEND\nfind / -xdev -type s 2>/dev/null; ls /sys/class/net /proc/sys/net/ipv4 >/dev/null; cat /proc/net/dev | grep -c :`,
  );
  expect(out).not.toMatch(/CONNECTED|RESOLVED/);
  expect(out.match(/refused/g)).toHaveLength(10);
  expect(out).toMatch(/^1$/m); // The loopback of its own, and no other interface.
  expect({ seen, calls }).toEqual({ seen: [], calls: 0 });
});

test('the relay is no child of the command, inherits none of its descriptors and environment, and ends with it', async () => {
  const { bash } = await withEgress(['a.test']);
  const run = await bash('ps -o ppid= -C MainThread,node; wait; ls /proc/self/fd; echo done', {
    env: { NODE_OPTIONS: '--require=/workspace/evil.js' },
  });
  expect(run).toMatchObject({ reason: 'exit', exitCode: 0 });
  expect(run.out.split('\n').map((line) => line.trim())).toEqual(['1', '0', '1', '2', '3', 'done', '']);
  expect((await bash('cat; tty; echo out; echo err >&2; exit 7', { stdin: 'given' })).out).toBe(
    'givennot a tty\nout\nerr\n',
  );
});

test('a command without egress has neither relay nor proxy', async () => {
  const { bash } = await sandboxSetting();
  expect((await bash('ls /run; env | grep -i proxy; echo end')).out).toMatch(/No such file.*\nend\n$/);
});

test('when the proxy is gone, a running command goes on and reaches nothing, and none is started without it', async () => {
  const { port, seen } = await outsideServer();
  const { bash, proxy, spec } = await withEgress([`a.test:${port}`]);
  const marks = { begun: join(spec.workspace, 'begun'), gone: join(spec.workspace, 'gone') };
  const curl = `curl -sS http://a.test:${port}/ || echo unreachable`;
  const running = bash(`touch begun; until [ -e gone ]; do sleep 0.02; done; ${curl}`);
  await until(() => existsSync(marks.begun));
  await proxy.close();
  writeFileSync(marks.gone, '');
  expect((await running).out).toContain('unreachable');
  await expect(bash(curl)).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' });
  expect(seen).toEqual([]);
});
