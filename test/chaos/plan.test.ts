import { expect, test } from 'vitest';
import { components } from './components.ts';
import { planKills } from './plan.ts';

test('the same seed plans the same kills, another one others', () => {
  expect(planKills(50, 7)).toEqual(planKills(50, 7));
  expect(planKills(50, 8)).not.toEqual(planKills(50, 7));
  expect(planKills(20, 7)).toEqual(planKills(50, 7).slice(0, 20));
});

test('a plan has kills of every component, at moments of its own choosing, some of them twice in a row', () => {
  const plan = planKills(200, 1);
  expect(new Set(plan.map(({ component }) => component))).toEqual(new Set(components));
  expect(new Set(plan.map(({ afterHits }) => afterHits)).size).toBeGreaterThan(30);
  expect(plan.some(({ againMs }) => againMs !== null)).toBe(true);
});
