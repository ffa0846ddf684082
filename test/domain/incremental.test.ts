import { expect, test } from 'vitest';
import { reasonToLeaveOut } from '../../src/domain/incremental.ts';

test.each([
  ['npm test', ['web/a.ts'], null],
  ['cd web && npm test', ['web/a.ts'], null],
  ['cd web && npm test', ['api/a.ts'], 'no changed file lies below web/'],
  ['cd web && npm test', ['webby/a.ts'], 'no changed file lies below web/'],
  ['cd web && npm test', ['api/a.ts', 'package-lock.json'], null],
  ['cd ./packages/web/ && npm test', ['packages/web/a.ts'], null],
  ['make -C tools test', ['src/a.c'], 'no changed file lies below tools/'],
  ['npm --prefix web test', ['api/a.ts'], 'no changed file lies below web/'],
  ['npm test', ['README.md', 'docs/use.md', 'LICENSE'], 'only documentation changed'],
  ['npm test', ['README.md', 'src/a.ts'], null],
])('%s after a change of %j is left out because: %s', (command, changed, reason) => {
  const said = reasonToLeaveOut(command, changed);
  expect(said).toEqual(reason === null ? null : expect.stringContaining(reason));
});

test.each([
  'cd web && npm test && cd ../api && npm test',
  'cd web && npm test; npm run all',
  'cd .. && npm test',
  'cd "$DIR" && npm test',
  'make -C web test && make -C api test',
  'make -C web test && make all',
  'cd web && npm --prefix ../api test',
])('%s may work elsewhere too, so it is run after any change', (command) => {
  expect(reasonToLeaveOut(command, ['other/a.ts'])).toBeNull();
});
