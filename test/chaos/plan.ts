import { components, type Component } from './components.ts';

/** One kill of a soak. It comes after so much has happened, not after so much time: the same on a fast and on a slow machine. */
export interface PlannedKill {
  readonly component: Component;
  /** Fault points that are passed, by whichever session, from the end of the last recovery to the kill. */
  readonly afterHits: number;
  /** Milliseconds from the last of these hits to the kill; so that it comes between points as well. */
  readonly delayMs: number;
  /** Milliseconds from the kill to a second one of the same component, while it is being started again; null for none. */
  readonly againMs: number | null;
}

const weights: Readonly<Record<Component, number>> = { worker: 6, API: 1, Temporal: 2, everything: 1 };

/** The kills of a soak. The same seed gives the same plan. */
export function planKills(kills: number, seed: number): PlannedKill[] {
  const random = mulberry32(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const bag = components.flatMap((component) => Array.from({ length: weights[component] }, () => component));
  const plan: PlannedKill[] = [];
  while (plan.length < kills) {
    const component = bag[below(bag.length)] ?? 'worker';
    const afterHits = 1 + below(40);
    const delayMs = below(60);
    // All at once is not being started by anybody but us.
    const again = below(8) === 0 && component !== 'everything';
    plan.push({ component, afterHits, delayMs, againMs: again ? below(1500) : null });
  }
  return plan;
}

/** A small seeded generator of numbers in [0, 1) (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
