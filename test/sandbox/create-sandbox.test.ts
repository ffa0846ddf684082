import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BwrapSandbox } from '../../src/sandbox/bwrap-sandbox.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { runInSandbox } from '../../src/sandbox/run-in-sandbox.ts';
import { openDirectory } from '../support/open-directory.ts';

test('without bubblewrap nothing starts, and the remedy is told', () => {
  const create = () => BwrapSandbox.create({ bwrap: '/nonexistent/bwrap' });
  expect(create).toThrow(
    expect.objectContaining({ code: 'SANDBOX_UNAVAILABLE', remedy: expect.stringContaining('bubblewrap') }),
  );
});

test.runIf(process.geteuid?.() === 0)('as root it does not run commands as root', () => {
  expect(() => BwrapSandbox.create()).toThrow(expect.objectContaining({ code: 'SANDBOX_UNAVAILABLE' }));
});

test('SANDBOX=off says what it does not enforce, works in place, and still inherits no environment', async () => {
  const sandbox = createSandbox({ mode: 'off' });
  expect(Object.values(sandbox.enforcement).filter((what) => what === 'NONE').length).toBeGreaterThan(3);
  const workspace = openDirectory();
  expect(sandbox.workspacePath({ workspace })).toBe(workspace);
  process.env['HOLDFAST_TEST_CANARY'] = 'canary-env';
  const run = await runInSandbox(sandbox, ['/bin/bash', '-c', 'env; pwd; exit 4'], { workspace });
  delete process.env['HOLDFAST_TEST_CANARY'];
  expect(run).toMatchObject({ exitCode: 4, reason: 'exit' });
  expect(run.stdout.toString()).toContain(join(workspace));
  expect(run.stdout.toString()).not.toContain('canary-env');
  const slow = await runInSandbox(sandbox, ['/bin/bash', '-c', 'sleep 30'], { workspace }, { limits: { wallMs: 200 } });
  expect(slow.reason).toBe('timeout');
});
