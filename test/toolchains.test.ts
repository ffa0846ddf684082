import { mkdirSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { HoldfastError } from '../src/domain/failure.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

function setting() {
  const root = temporaryDirectory();
  const dataDir = join(root, 'data');
  for (const path of [['jdk'], ['node'], ['data', 'work', 'ses_1'], ['elsewhere']])
    mkdirSync(join(root, ...path), { recursive: true });
  const load = (toolchains: string, more: Readonly<Record<string, string>> = {}) =>
    loadConfig({ DATA_DIR: dataDir, SANDBOX_TOOLCHAINS: toolchains, ...more }).sandbox.toolchains;
  const faults = (toolchains: string, more: Readonly<Record<string, string>> = {}): unknown[] => {
    try {
      load(toolchains, more);
    } catch (error) {
      if (error instanceof HoldfastError) return error.details?.['faults'] as unknown[];
    }
    return [];
  };
  return { root, dataDir, load, faults };
}

test('toolchains are directories in the order given; without any there are none', () => {
  const { load, root } = setting();
  expect(load(`${root}/jdk/:${root}/node`)).toEqual([`${root}/jdk`, `${root}/node`]);
  expect(load('')).toEqual([]);
});

test('every faulty toolchain is named, together with whatever else is wrong', () => {
  const { faults, root } = setting();
  expect(faults(`${root}/gone:jdk:${root}/jdk:${root}/jdk/../node`, { PORT: 'many' })).toEqual([
    expect.stringMatching(/^PORT: /),
    expect.stringMatching(`^SANDBOX_TOOLCHAINS.0: ${root}/gone is no directory`),
    expect.stringMatching(/^SANDBOX_TOOLCHAINS.1: jdk must be an absolute path/),
    expect.stringMatching(/^SANDBOX_TOOLCHAINS.3: .* must be an absolute path/),
  ]);
});

test.each(['/', '/home', '/root', homedir(), '/etc', '/etc/ssl', '/proc', '/sys', '/dev', '/run', '/tmp', '/var'])(
  '%s is no toolchain: commands would see too much',
  (path) => {
    expect(setting().faults(path)).toHaveLength(1);
  },
);

test('what Holdfast keeps is no toolchain, nor what holds it or belongs to it, nor a link there', () => {
  const { dataDir, faults, load, root } = setting();
  symlinkSync(dataDir, join(root, 'link'));
  symlinkSync('/', join(root, 'all'));
  symlinkSync(join(root, 'jdk'), join(root, 'java'));
  for (const path of [dataDir, root, join(dataDir, 'work'), join(dataDir, 'work/ses_1'), join(root, 'link')])
    expect(faults(path)).toEqual([expect.stringContaining('what Holdfast keeps')]);
  expect(faults(join(root, 'all'))).toHaveLength(1);
  expect(faults(join(root, 'elsewhere'), { SESSIONS_DIR: join(root, 'elsewhere', 'sessions') })).toHaveLength(1);
  expect(load(join(root, 'java'))).toEqual([join(root, 'java')]);
});
