import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './faults.ts';
import type { Outcome } from './journal.ts';
import type { Frame } from './wire-format.ts';

/** How fast a reply comes. */
export interface Pace {
  readonly ttftMs: number;
  readonly pieceMs: number;
}

const BATCH_CHARS = 16_384;

/** Writes a reply as server-sent events, with whatever is to go wrong on the way. */
export async function streamReply(
  response: ServerResponse,
  frames: readonly Frame[],
  fault: Fault | undefined,
  pace: Pace,
): Promise<Outcome> {
  const closed = new Promise<void>((resolve) => response.once('close', resolve));
  if (pace.ttftMs > 0) await Promise.race([delay(pace.ttftMs), closed]);
  let batch = '';
  const flush = () => {
    if (batch !== '') response.write(batch);
    batch = '';
  };
  for (const [index, frame] of frames.entries()) {
    if (response.destroyed) return 'client_closed';
    if (fault?.kind === 'stall' && index >= fault.afterEvents) {
      flush();
      await closed;
      return 'stall';
    }
    if (index === 0) response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    if (fault?.kind === 'cut' && index >= fault.afterEvents) return cut(response, batch);
    batch += textOf(frame, fault?.kind === 'malformed' && index === fault.atEvent);
    if (batch.length >= BATCH_CHARS || pace.pieceMs > 0) flush();
    if (pace.pieceMs > 0) await Promise.race([delay(pace.pieceMs), closed]);
  }
  response.end(batch);
  return fault?.kind === 'malformed' ? 'malformed' : 'ok';
}

/** What was written before the cut must reach the client: otherwise it would see a refused connection instead. */
async function cut(response: ServerResponse, batch: string): Promise<Outcome> {
  response.flushHeaders();
  await new Promise<void>((resolve) => response.write(batch || ':\n\n', () => resolve()));
  response.socket?.resetAndDestroy();
  return 'cut';
}

function textOf({ event, data }: Frame, malformed: boolean): string {
  const payload = malformed ? data.slice(0, Math.floor(data.length / 2)) : data;
  return `${event === undefined ? '' : `event: ${event}\n`}data: ${payload}\n\n`;
}
