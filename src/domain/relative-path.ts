/**
 * Why a text is not a path (or glob) inside a repository, or null when it is one: relative, with `/` between its
 * segments, and never leading out.
 */
export function pathFault(path: string): string | null {
  if (path.trim() === '' || path !== path.trim()) return 'must not be empty or padded with blanks';
  if (/^([/~]|[A-Za-z]:)/.test(path)) return 'must be relative to the root of the repository';
  if (path.includes('\\') || path.includes('\0')) return 'must not contain a backslash or NUL';
  return path.split('/').includes('..') ? 'must not contain ".."' : null;
}
