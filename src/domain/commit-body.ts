const MAX_CHARS = 4000;

/**
 * An agent's words as a part of a commit message. Nothing in them can be taken for a trailer of ours, in whatever case or spelling, or
 * for the end of the message, before which trailers are looked for (git-interpret-trailers(1)).
 */
export function commitBody(words: string): string {
  return words
    .trim()
    .slice(0, MAX_CHARS)
    .replace(/^(holdfast-[a-z-]+\s*:|---)/gim, ' $1');
}
