import type { FaultPoint } from '../../src/fault-point.ts';
import { columns, type Column } from './components.ts';
import type { Ground } from './ground.ts';
import { canHang } from './hang.ts';
import { rows, type Row } from './rows.ts';
import { runWave } from './wave.ts';

/** Cells that share a kill; more would only wait for the processor. */
const WAVE = 12;

/** One kill, as the matrix shows it. */
export interface Cell {
  readonly row: Row;
  readonly component: Column;
  /** What the session violated; empty when it came through. */
  readonly violations: readonly string[];
  /** What happened, line by line; null when it came through. */
  readonly story: string | null;
}

/** Which cells are run. */
export interface Selection {
  readonly points: readonly string[];
  readonly components: readonly string[];
}

/**
 * Runs the matrix. Several sessions go side by side, each to its own point, and are held there; when all have arrived, one kill hits
 * each of them at exactly its point.
 */
export async function runMatrix(ground: Ground, selection: Selection, tell: (line: string) => void): Promise<Cell[]> {
  const chosen = rows.filter(({ point }) => selection.points.length === 0 || selection.points.includes(point));
  const cells: Cell[] = [];
  for (const component of columns) {
    if (selection.components.length > 0 && !selection.components.includes(component)) continue;
    const applicable = chosen.filter(({ point }) => applies(component, point));
    for (let first = 0; first < applicable.length; first += WAVE) {
      const started = performance.now();
      const wave = await runWave(ground, applicable.slice(first, first + WAVE), component);
      cells.push(...wave);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const red = wave.filter(({ violations }) => violations.length > 0);
      tell(`${component}: ${wave.length - red.length} of ${wave.length} points came through in ${seconds} s`);
      for (const { row, violations, story } of red)
        tell(`  RED ${row.point} (${row.scenario})\n    ${violations.join('\n    ')}\n${story}`);
    }
  }
  return cells;
}

function applies(component: Column, point: FaultPoint): boolean {
  if (component === 'hung worker') return canHang(point);
  return component !== 'worker, 3 times' || !point.endsWith(':workflow-started'); // No worker's own.
}
