import { expect, test } from 'vitest';
import { boundedPlan, progressOf } from '../../src/domain/events.ts';

test('a plan is recorded in a size that every event can carry, line by line', () => {
  const long = Array.from(
    { length: 500 },
    () => ({ title: `a\n\n# b ${'x'.repeat(5_000)}`, status: 'pending' }) as const,
  );
  const plan = boundedPlan(long);
  expect(plan).toHaveLength(100);
  expect(plan[0]?.title).toMatch(/^a # b x+…$/);
  expect(plan[0]?.title).toHaveLength(200);
  const short = [{ title: 'Write', status: 'done' }] as const;
  expect(boundedPlan(short)).toEqual(short);
});

test('progress follows the plan while the agent works, and says 100 only at the end', () => {
  const done = [{ title: 'a', status: 'done' }] as const;
  const half = [...done, { title: 'b', status: 'in_progress' }] as const;
  expect(progressOf('coding', [])).toEqual({ current: 0, total: 0, percent: 10 });
  expect(progressOf('coding', half)).toEqual({ current: 1, total: 2, percent: 48 });
  expect([progressOf('coding', done).percent, progressOf('paused', done).percent]).toEqual([85, 85]);
  expect([progressOf('testing', []).percent, progressOf('completed', half).percent]).toEqual([85, 100]);
});
