import type { ChildProcess } from 'node:child_process';

const PING = 'ping';
const PONG = 'pong';
/** Pings that may stay without an answer. They are counted, and not timed: a machine that sleeps counts nothing. */
const PATIENCE = 10;
/** Before a process has answered for the first time it loads its modules, and answers nothing. */
const STARTING_PATIENCE = 10 * PATIENCE;

/** For a process that a {@link watchLife} watches: answers as long as its event loop turns. */
export function answerPings(): void {
  process.on('message', (message) => {
    if (message === PING) process.send?.(PONG);
  });
}

/**
 * Pings a child over its channel and tells once when it has not answered for about `hangMs`: its event loop is blocked, or it is
 * stopped (SIGSTOP). A start may take ten times as long. Ends with the child.
 */
export function watchLife(child: ChildProcess, hangMs: number, onHang: () => void): void {
  let unanswered = 0;
  let patience = STARTING_PATIENCE;
  const timer = setInterval(() => {
    if (unanswered >= patience) {
      clearInterval(timer);
      return onHang();
    }
    unanswered += 1;
    if (child.connected) child.send(PING, () => undefined); // A channel that breaks just now ends the child by itself.
  }, hangMs / PATIENCE);
  child.on('message', (message) => {
    if (message !== PONG) return;
    unanswered = 0;
    patience = PATIENCE;
  });
  child.once('exit', () => clearInterval(timer));
}
