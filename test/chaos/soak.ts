import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/holdfast.ts';
import { kill, recover } from './components.ts';
import type { Ground } from './ground.ts';
import { planKills, type PlannedKill } from './plan.ts';

const SESSIONS = 4;
/** So long may nothing at all happen after a recovery. */
const STILL_MS = 90_000;
const REPORT_EVERY = 10;
/** Kills go on while a session settles: it may take as long as they come. */
const PATIENCE = { endMs: Infinity, settleMs: 600_000 };

/** How a soak ended. */
export interface SoakResult {
  readonly kills: number;
  readonly sessions: number;
  /** By session; those that came through are not listed. */
  readonly violations: ReadonlyMap<string, readonly string[]>;
}

/**
 * Kills at random moments, over several sessions that go side by side; a new one begins whenever one ends.
 * @param tell is given progress, and for each violation everything needed to find its cause.
 */
export async function runSoak(
  ground: Ground,
  options: { readonly kills: number; readonly seed: number },
  tell: (line: string) => void,
): Promise<SoakResult> {
  const plan = planKills(options.kills, options.seed);
  const violations = new Map<string, readonly string[]>();
  let sessions = 0;
  let over = false;
  const lane = async (number: number): Promise<void> => {
    for (let count = 1; !over; count += 1) {
      const trial = await ground.begin(`soak-${number}-${count}`, number % 2 === 0 ? 'outside' : 'numbered');
      const found = await ground.judge(trial, PATIENCE);
      sessions += 1;
      if (found.length === 0) continue;
      violations.set(trial.name, found);
      tell(`RED ${trial.name} (${trial.sessionId}), seed ${options.seed}:\n  ${found.join('\n  ')}`);
      tell(ground.storyOf(trial));
    }
  };
  const lanes = Promise.all(Array.from({ length: SESSIONS }, (_, index) => lane(index + 1)));
  const started = performance.now();
  for (const [index, planned] of plan.entries()) {
    await Promise.race([carryOut(ground, planned), lanes]);
    const done = index + 1;
    if (done % REPORT_EVERY > 0 && done < plan.length) continue;
    const seconds = (performance.now() - started) / 1000;
    const each = (seconds / done).toFixed(1);
    tell(`${done} of ${plan.length} kills, ${each} s each; ${sessions} sessions ended, ${violations.size} of them red`);
  }
  over = true;
  await lanes;
  return { kills: ground.kills, sessions, violations };
}

async function carryOut(ground: Ground, { component, afterHits, delayMs, againMs }: PlannedKill): Promise<void> {
  const { rendezvous } = ground;
  const from = rendezvous.count;
  await until(() => rendezvous.count >= from + afterHits, STILL_MS);
  await sleep(delayMs);
  await kill(ground, component);
  if (againMs !== null) {
    await sleep(againMs);
    await kill(ground, component);
  }
  await recover(ground, component);
}
