// @ts-check

/**
 * Tells what is being done; on stderr, for stdout belongs to results.
 * @param {string} text
 */
export function say(text) {
  process.stderr.write(`[set-up] ${text}\n`);
}
