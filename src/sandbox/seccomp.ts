// A classic-BPF deny list, generated here so that no binary has to be shipped. It exists although bubblewrap unshares everything:
// AF_VSOCK is not bound to a network namespace, and io_uring, bpf, userfaultfd, keyctl and perf are attack surface no build needs.

/** Opcodes of seccomp's BPF machine (linux/bpf_common.h). */
const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_GREATER_OR_EQUAL = 0x35;
const RETURN = 0x06;

/** Return values (linux/seccomp.h) and error numbers. */
const ALLOW = 0x7fff0000;
const FAIL = 0x00050000;
const KILL_PROCESS = 0x80000000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;

/** Offsets in struct seccomp_data. */
const SYSCALL = 0;
const ARCHITECTURE = 4;
const FIRST_ARGUMENT = 16;

const X32_BIT = 0x40000000;
/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: everything else (vsock, packet, AF_ALG, …) is refused. */
const families = [1, 2, 10, 16];

interface Abi {
  readonly audit: number;
  readonly socket: readonly number[];
  readonly refused: readonly number[];
  /** io_uring: libuv and others fall back when it is not implemented. */
  readonly missing: readonly number[];
}

/** mount, umount2, pivot_root, acct, swapon/off, reboot, modules, quotactl, kexec, keys, setns, open_by_handle_at, bpf, userfaultfd, perf, new mount API. */
const abis: Readonly<Record<string, Abi>> = {
  x64: {
    audit: 0xc000003e,
    socket: [41, 53],
    refused: [
      165, 166, 155, 163, 167, 168, 169, 175, 176, 179, 246, 248, 249, 250, 308, 304, 313, 320, 321, 323, 298, 428, 429,
      430, 431, 432, 433, 442,
    ],
    missing: [425, 426, 427],
  },
  arm64: {
    audit: 0xc00000b7,
    socket: [198, 199],
    refused: [
      40, 39, 41, 89, 224, 225, 142, 105, 106, 60, 104, 217, 218, 219, 268, 265, 273, 294, 280, 282, 241, 428, 429, 430,
      431, 432, 433, 442,
    ],
    missing: [425, 426, 427],
  },
};

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number];

/** The filter for an architecture as bubblewrap takes it (an array of struct sock_filter), or undefined where there is none. */
export function seccompProgram(architecture: string = process.arch): Buffer | undefined {
  const abi = abis[architecture];
  if (abi === undefined) return undefined;
  const program: Instruction[] = [
    [LOAD_WORD, 0, 0, ARCHITECTURE],
    [JUMP_IF_EQUAL, 1, 0, abi.audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD_WORD, 0, 0, SYSCALL],
  ];
  if (architecture === 'x64') program.push([JUMP_IF_GREATER_OR_EQUAL, 0, 1, X32_BIT], [RETURN, 0, 0, FAIL | ENOSYS]);
  for (const call of abi.refused) program.push([JUMP_IF_EQUAL, 0, 1, call], [RETURN, 0, 0, FAIL | EPERM]);
  for (const call of abi.missing) program.push([JUMP_IF_EQUAL, 0, 1, call], [RETURN, 0, 0, FAIL | ENOSYS]);
  for (const call of abi.socket) program.push(...familyFilter(call));
  program.push([RETURN, 0, 0, ALLOW]);
  return assemble(program);
}

function familyFilter(call: number): Instruction[] {
  const checks = families.map((family, index): Instruction => [JUMP_IF_EQUAL, families.length - index, 0, family]);
  return [
    [JUMP_IF_EQUAL, 0, families.length + 3, call],
    [LOAD_WORD, 0, 0, FIRST_ARGUMENT],
    ...checks,
    [RETURN, 0, 0, FAIL | EAFNOSUPPORT],
    [RETURN, 0, 0, ALLOW],
  ];
}

function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  }
  return bytes;
}
