import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  appendFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadWorkflowBundle } from '../../src/temporal/workflow-bundle.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = join(import.meta.dirname, '..', '..');

test('the bundle is built once: at the same time by several, and never again', async () => {
  const cache = join(temporaryDirectory(), 'cache');
  const [one, other] = await Promise.all([loadWorkflowBundle(cache), loadWorkflowBundle(cache)]);
  expect(one.code).toBe(other.code);
  const names = readdirSync(cache);
  expect(names).toEqual([expect.stringMatching(/^workflows-[0-9a-f]{32}\.js$/)]);
  const file = join(cache, String(names[0]));
  expect(readFileSync(file, 'utf8')).toBe(one.code);
  const builtAt = statSync(file).mtimeMs;
  writeFileSync(file, 'kept as it is');
  expect(await loadWorkflowBundle(cache)).toEqual({ code: 'kept as it is' });
  expect(statSync(file).mtimeMs).toBeGreaterThanOrEqual(builtAt);
});

test('a change to a workflow makes another bundle', () => {
  const copy = temporaryDirectory();
  for (const part of [
    'src/workflows',
    'src/domain',
    'src/temporal/workflow-bundle.ts',
    'package.json',
    'package-lock.json',
  ])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  const cache = join(copy, 'cache');
  mkdirSync(cache);
  const build = (): number => {
    const script = `import { loadWorkflowBundle } from './src/temporal/workflow-bundle.ts'; await loadWorkflowBundle('cache');`;
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: copy });
    return readdirSync(cache).length;
  };
  expect(build()).toBe(1);
  appendFileSync(join(copy, 'src', 'workflows', 'session.ts'), '// changed\n');
  expect(build()).toBe(2);
});
