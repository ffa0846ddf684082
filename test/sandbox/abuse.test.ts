import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runInSandbox } from '../../src/sandbox/run-in-sandbox.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sandboxSetting } from './setting.ts';

/** Attacks that are not in walls.test.ts and limits.test.ts; each is named by what the command tries. */

const python = (program: string): string => `/usr/bin/python3 - <<'PROGRAM'\n${program}\nPROGRAM`;

/** The system calls that no build needs, by their numbers on x64; each must be refused before it does anything. */
const systemCalls = {
  mount: 165,
  'the new mount interface': 430,
  pivot_root: 155,
  open_by_handle_at: 304,
  setns: 308,
  bpf: 321,
  perf_event_open: 298,
  userfaultfd: 323,
  add_key: 248,
  keyctl: 250,
  kexec_load: 246,
  init_module: 175,
  swapon: 167,
  acct: 163,
  reboot: 169,
  quotactl: 179,
} as const;

test.runIf(process.arch === 'x64').each(Object.entries(systemCalls))(
  'the system call behind %s is refused',
  async (_, number) => {
    const { bash } = await sandboxSetting();
    const { out } = await bash(
      python(`import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall(${number}, 0, 0, 0, 0, 0), errno.errorcode.get(ctypes.get_errno()))`),
    );
    expect(out).toBe('-1 EPERM\n');
  },
);

test.runIf(process.arch === 'x64')(
  'io_uring is not there, and calls of another word size end the program',
  async () => {
    const { bash } = await sandboxSetting();
    const { out } = await bash(
      python(`import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)
for number in (425, 426, 427, 0x40000000 | 39):
    print(libc.syscall(number, 0, 0, 0), errno.errorcode.get(ctypes.get_errno()))`),
    );
    expect(out).toBe('-1 ENOSYS\n'.repeat(4));
  },
);

test('a new user namespace by clone or unshare is refused', async () => {
  const { bash } = await sandboxSetting();
  const { out } = await bash(
    python(`import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000, 0x00020000, 0x40000000, 0x10000000 | 0x20000000):
    print(libc.unshare(flags))`),
  );
  expect(out).toBe('-1\n'.repeat(4));
});

test('an abstract unix socket of the host cannot be reached', async () => {
  const { bash } = await sandboxSetting();
  const name = `\0holdfast-test-${process.pid}`;
  let calls = 0;
  const server = createServer(() => (calls += 1));
  await new Promise<void>((resolve) => server.listen(name, resolve));
  onTestFinished(() => void server.close());
  const { out } = await bash(
    python(`import socket\ntry:
  socket.socket(socket.AF_UNIX).connect("\\0holdfast-test-${process.pid}")
  print("CONNECTED")\nexcept OSError as e: print(e.strerror)`),
  );
  expect(out).toBe('Connection refused\n');
  expect(calls).toBe(0);
});

test('a name is not resolved, and the metadata addresses of clouds have no route', async () => {
  const { bash } = await sandboxSetting();
  const { out } = await bash(
    python(`import socket
for host in ("example.com", "localhost.localdomain.example"):
    try: socket.getaddrinfo(host, 80); print("RESOLVED")
    except OSError: print("no")
for address in ("169.254.169.254", "100.100.100.200", "fd00:ec2::254", "10.0.0.1", "8.8.8.8"):
    try: socket.create_connection((address, 80), 1); print("CONNECTED")
    except OSError: print("no")`),
  );
  expect(out).toBe('no\n'.repeat(7));
});

test('a raw socket is refused', async () => {
  const { bash } = await sandboxSetting();
  const { out } = await bash(
    python(`import socket\nfor family in (socket.AF_INET, socket.AF_INET6):
  try: socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMP); print("OPENED")
  except OSError: print("no")`),
  );
  expect(out).toBe('no\nno\n');
});

test('a daemon made by two forks and a new session is gone with its command', async () => {
  const { bash, spec } = await sandboxSetting();
  const { out } = await bash(
    python(`import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        while True:
            time.sleep(0.05); open("beat", "a").write("x")
    os._exit(0)
while not os.path.exists("beat"): time.sleep(0.01)
print("ended")`),
  );
  expect(out).toBe('ended\n');
  const size = (): number => statSync(join(spec.workspace, 'beat')).size;
  const before = size();
  await new Promise((resolve) => setTimeout(resolve, 300)); // Six beats of a heart that must have stopped.
  expect(size()).toBe(before);
});

test('kill -9 -1 reaches nobody but the command itself', async () => {
  const { bash } = await sandboxSetting();
  expect((await bash('kill -9 -1; echo still')).reason).toBe('exit');
  expect((await bash('echo fine')).out).toBe('fine\n');
});

test('a command that stops itself, and one that closes its output and waits, are ended by the clock', async () => {
  const { bash } = await sandboxSetting();
  for (const command of ['kill -STOP $$', 'exec 1>&- 2>&- 0<&-; sleep 60'])
    expect((await bash(command, { limits: { wallMs: 500 } })).reason).toBe('timeout');
});

test('hundreds of children that nobody waits for leave nothing', async () => {
  const { bash } = await sandboxSetting();
  const run = await bash('for i in $(seq 200); do (setsid true &) ; done; echo ended');
  expect(run).toMatchObject({ exitCode: 0, out: 'ended\n' });
  const zombies = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurZombie(name));
  expect(zombies).toEqual([]);
});

function isOurZombie(pid: string): boolean {
  try {
    const [, state, parent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state === 'Z' && Number(parent) === process.pid;
  } catch {
    return false;
  }
}

test('threads count as processes', async () => {
  const { bash } = await sandboxSetting();
  const many = `import threading, time\ncount = 0\ntry:
  for _ in range(400): threading.Thread(target=time.sleep, args=(5,), daemon=True).start(); count += 1
except RuntimeError: pass\nprint(count < 100, flush=True)\nimport os; os._exit(0)`;
  expect((await bash(python(many), { limits: { pids: 64 } })).out).toBe('True\n');
});

test('a file of ten terabytes without content is too large all the same', async () => {
  const { bash } = await sandboxSetting();
  const run = await bash('truncate -s 10T sparse || fallocate -l 10T sparse; ls -l sparse 2>/dev/null');
  expect(run.out).toMatch(/File too large|No space left|\s0\s/);
  expect(run.out).not.toMatch(/10995116277760/);
});

test.each(['/', '/dev', '/etc', '/home', '/proc'])('memory cannot be filled by files in %s', async (directory) => {
  const { bash } = await sandboxSetting();
  expect((await bash(`head -c 1000 /dev/zero > ${directory}/filler`)).exitCode).not.toBe(0);
});

test('small files without end in /tmp end at its size', async () => {
  const { bash } = await sandboxSetting();
  const fill = `import os
try:
  for i in range(100000):
    with open(f"/tmp/{i}", "w") as file: file.write("x" * 5000)
except OSError as e: print(e.strerror)`;
  expect((await bash(python(fill), { limits: { tmpBytes: 10_000_000 } })).out).toBe('No space left on device\n');
});

test('a set-user-id file gains nothing', async () => {
  const { bash } = await sandboxSetting();
  expect(
    (await bash('cp /usr/bin/id own; chmod 6755 own; ./own -u; ls -l /usr/bin/su >/dev/null; su -c id')).out,
  ).toMatch(/^1000\n/);
});

test('the kernel cannot be told anything: core pattern, sysrq, modprobe, memory', async () => {
  const { bash } = await sandboxSetting();
  const files = [
    '/proc/sys/kernel/core_pattern',
    '/proc/sysrq-trigger',
    '/proc/sys/kernel/modprobe',
    '/proc/sys/vm/drop_caches',
  ];
  for (const file of files) expect((await bash(`echo x > ${file}`)).exitCode).not.toBe(0);
  const { out } = await bash(
    'cat /dev/mem /dev/kmsg /proc/kcore /proc/kallsyms 2>&1 | head -c 300; ls /sys /dev/disk /dev/sda /dev/vda',
  );
  expect(
    out.match(/No such file|Permission denied|Operation not permitted|cannot access/g)?.length,
  ).toBeGreaterThanOrEqual(5);
});

test('what the first process of the namespace has open, and its view of files, is no way out', async () => {
  const { bash, directory } = await sandboxSetting();
  writeFileSync(join(directory, 'secret'), 'canary-first', { mode: 0o644 });
  const { out } = await bash(
    `cd /proc/1; ls -d root/root root/var; cat root${directory}/secret cwd${directory}/secret; for fd in fd/*; do readlink $fd; done; head -c 10 mem`,
  );
  expect(out).not.toContain('canary-first');
  expect(out.match(/No such file/g)?.length).toBe(4);
  expect(out).not.toMatch(/^\/(?!dev\/null)/m); // Pipes and /dev/null: no file or directory of the host is open there.
});

test("another session's files, and those of the server's home, do not exist", async () => {
  const one = await sandboxSetting();
  const two = await sandboxSetting();
  writeFileSync(join(two.spec.workspace, 'secret'), 'canary-other-session');
  const home = openDirectory();
  for (const name of [
    '.ssh/id_ed25519',
    '.git-credentials',
    '.npmrc',
    '.config/gh/hosts.yml',
    '.aws/credentials',
    '.netrc',
  ]) {
    mkdirSync(join(home, name, '..'), { recursive: true });
    writeFileSync(join(home, name), 'canary-home');
    chmodSync(join(home, name), 0o644);
  }
  const { out } = await one.bash(
    `cat ${two.spec.workspace}/secret; find / -xdev -name secret 2>/dev/null; cd ${home}; cat ~/.ssh/* ~/.git-credentials ~/.npmrc ~/.netrc; git credential fill < /dev/null; env | grep -i token`,
  );
  expect(out).not.toMatch(/canary/);
});

test('shared memory, semaphores and message queues of others cannot be seen', async () => {
  const { bash } = await sandboxSetting();
  const { out } = await bash('cat /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg | wc -l; ls /dev/shm | wc -l');
  expect(out).toBe('3\n0\n'); // Three headings.
});

test('the name and the clock of the machine cannot be set', async () => {
  const { bash } = await sandboxSetting();
  expect((await bash('hostname evil')).exitCode).not.toBe(0);
  expect((await bash('date -s 2000-01-01')).exitCode).not.toBe(0);
});

test('priority cannot be raised, and the out-of-memory killer not be told to pass by', async () => {
  const { bash } = await sandboxSetting();
  const { out } = await bash(
    'nice -n -5 true; (echo -1000 > /proc/self/oom_score_adj) && echo PROTECTED; cat /proc/self/oom_score_adj',
  );
  expect(out).not.toContain('PROTECTED');
  expect(out.trim().split('\n').at(-1)).toBe('900');
});

test('terminal input cannot be forged: there is no terminal', async () => {
  const { bash } = await sandboxSetting();
  const { out } = await bash(
    python(`import fcntl\nfor fd in (0, 1, 2):
  try: fcntl.ioctl(fd, 0x5412, b"x"); print("FORGED")
  except OSError as e: print("no")\ntry: open("/dev/tty"); print("OPENED")\nexcept OSError: print("no")`),
  );
  expect(out).toBe('no\n'.repeat(4));
});

test('programs that the workspace plants under the names of ours are not what the server starts', async () => {
  const { bash, sandbox, spec } = await sandboxSetting();
  await bash(
    `for n in bash sh git prlimit find; do printf '#!/bin/sh\\necho RAN > /workspace/RAN' > $n; chmod +x $n; done; echo 'echo RAN > RAN' | tee .bashrc .profile .bash_env > /dev/null`,
  );
  await runInSandbox(sandbox, ['/bin/bash', '-c', 'true'], spec, { env: { BASH_ENV: '' } });
  expect((await bash('git --version')).out).toMatch(/^git version/);
  expect(readdirSync(spec.workspace)).not.toContain('RAN');
});

test('a gigabyte of output is passed on while there is room, byte by byte, and the server stays small', async () => {
  const { bash } = await sandboxSetting();
  const run = await bash('head -c 3000000 /dev/urandom > f; sha256sum < f >&2; cat f', {
    limits: { outputBytes: 2 ** 22 },
  });
  const [, hash = ''] = /^([0-9a-f]{64})/m.exec(run.stdout.subarray(0, 64).toString('latin1')) ?? [];
  expect(createHash('sha256').update(run.stdout.subarray(68)).digest('hex')).toBe(hash);
  const before = process.memoryUsage().rss;
  expect((await bash('head -c 1000000000 /dev/zero', { limits: { outputBytes: 2 ** 23 } })).reason).toBe(
    'output_limit',
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
});

test('sixty aborts, one at every moment of a start, each end the command', async () => {
  const { bash } = await sandboxSetting();
  for (let moment = 0; moment < 60; moment += 1) {
    const controller = new AbortController();
    const running = bash('sleep 60', { signal: controller.signal });
    setTimeout(() => controller.abort(), moment / 3);
    const run = await running;
    expect(run.reason).toBe('aborted');
    expect(run.wallMs).toBeLessThan(3000);
  }
});

test('a workspace that is swapped for a link to elsewhere while commands run leads nowhere', async () => {
  const { bash, directory } = await sandboxSetting();
  writeFileSync(join(directory, 'secret'), 'canary-swap', { mode: 0o644 });
  const { out } = await bash(
    `cd /; mv /workspace /workspace.old; ln -sfn ${directory} /workspace; rm -rf /workspace; cat ${directory}/secret; ls /workspace`,
  );
  expect(out).not.toContain('canary-swap');
});

test('directories nested beyond what a path can name end with the workspace', async () => {
  const { bash, spec } = await sandboxSetting();
  const nest =
    'import os\nfor _ in range(1500): os.mkdir("dddddddddd"); os.chdir("dddddddddd")\nopen("file", "w").write("deep")';
  expect((await bash(python(nest))).exitCode).toBe(0);
  expect(readdirSync(spec.workspace)).toEqual(['dddddddddd']);
  expect((await bash('rm -rf dddddddddd; ls')).out).toBe('');
});
