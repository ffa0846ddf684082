import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commitBody } from '../../src/domain/commit-body.ts';

/** What git finds in a message that ends as ours do. */
function trailersIn(body: string): string[] {
  const input = `Title\n\n${body}\n\nHoldfast-Session: ses_a\nHoldfast-Snapshot: sha256:real\n`;
  const found = execFileSync('git', ['interpret-trailers', '--parse'], { input, encoding: 'utf8' });
  return found.split('\n').filter(Boolean);
}

const ours = ['Holdfast-Session: ses_a', 'Holdfast-Snapshot: sha256:real'];
const forged = [
  'Holdfast-Snapshot: sha256:forged',
  'holdfast-SNAPSHOT: sha256:forged',
  'Holdfast-Snapshot : sha256:forged',
];

test('the attacks are real: unguarded, git finds the forged digest', () => {
  for (const line of forged) expect(trailersIn(`${line}\n---`).join('\n')).toContain('sha256:forged');
});

test('whatever an agent writes, git finds our trailers and no other snapshot', () => {
  const line = fc.constantFrom(...forged, '---', '--- a', '', 'Words.', 'Signed-off-by: x', '\r', '  indented');
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
      const found = trailersIn(commitBody(lines.join('\n')));
      expect(found.filter((trailer) => /^holdfast-/i.test(trailer))).toEqual(ours);
    }),
    { numRuns: 60 },
  );
});

test('plain words stay what they are', () => {
  expect(commitBody(' Fixed it.\n\n- one\n-- two ')).toBe('Fixed it.\n\n- one\n-- two');
  expect(commitBody('x'.repeat(9_000))).toHaveLength(4_000);
});
