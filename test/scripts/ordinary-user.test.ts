import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const script = join(import.meta.dirname, '..', '..', 'scripts', 'ordinary-user.mjs');

/** Runs a shell command by the script, in a checkout that everybody may read, below a directory with this mode. */
function asOrdinaryUser(mode: number, command: string) {
  const above = temporaryDirectory();
  const checkout = join(above, 'checkout');
  mkdirSync(checkout);
  writeFileSync(join(checkout, 'package.json'), '{"name": "sample"}');
  chmodSync(above, mode);
  return spawnSync(process.execPath, [script, 'sh', '-c', command], { cwd: checkout, encoding: 'utf8' });
}

describe.runIf(process.geteuid?.() === 0)('when root asks', () => {
  test.each([
    ['open', 0o755],
    ['closed', 0o700],
  ])('a command runs without any power, where the way to the checkout is %s to others', (_, mode) => {
    const { status, stdout } = asOrdinaryUser(mode, 'id -u; grep CapBnd /proc/self/status; cat "$PWD/package.json"');
    expect(stdout).toBe('1001\nCapBnd:\t0000000000000000\n{"name": "sample"}');
    expect(status).toBe(0);
  });
});

test('the command decides how it ends', () => {
  expect(asOrdinaryUser(0o755, 'exit 7').status).toBe(7);
});
