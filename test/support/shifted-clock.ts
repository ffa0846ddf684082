/**
 * Preloaded into every process of a Holdfast (NODE_OPTIONS=--import): the wall clock goes wrong by as many milliseconds as the file
 * CLOCK_OFFSET_FILE says, from the moment it says so. Timers and the monotonic clock stay right, as after a real jump.
 */
import { readFileSync } from 'node:fs';

const RightDate = Date;
let offsetMs = 0;
const look = (): void => {
  try {
    offsetMs = Number(readFileSync(process.env['CLOCK_OFFSET_FILE'] ?? '', 'utf8'));
  } catch {
    // It is just being written.
  }
};
look();
setInterval(look, 20).unref();

const now = (): number => RightDate.now() + offsetMs;
globalThis.Date = new Proxy(RightDate, {
  construct: (target, given: unknown[], made) =>
    Reflect.construct(target, given.length === 0 ? [now()] : given, made) as object,
  get: (target, name) => (name === 'now' ? now : (Reflect.get(target, name) as unknown)),
});
