import type { SessionGit } from '../git/session-git.ts';

/** What set-ups read, by ecosystem: manifests, and the locks that pin what they name. */
const names = [
  ['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'],
  [
    'requirements*.txt',
    'requirements/*.txt',
    'pyproject.toml',
    'poetry.lock',
    'uv.lock',
    'Pipfile',
    'Pipfile.lock',
    'setup.py',
    'setup.cfg',
  ],
  ['go.mod', 'go.sum', 'go.work', 'go.work.sum', 'Cargo.toml', 'Cargo.lock', 'Gemfile', 'Gemfile.lock'],
  ['composer.json', 'composer.lock', 'pom.xml', 'build.gradle*', 'settings.gradle*', 'gradle.lockfile'],
].flat();
const globs = names.map((name) => `**/${name}`);

/** What a set-up reads of a tree, at its top and below: equal texts, equal outcome. In the order of the paths, by one git process. */
export async function setUpInputs(git: Pick<SessionGit, 'findFiles'>, tree: string): Promise<string> {
  const files = await git.findFiles(tree, { globs });
  return files.map(({ path, object }) => `${object} ${path}`).join('\n');
}
