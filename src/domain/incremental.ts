/** What an incremental verification does, for the report: it saves time by leaving out what a change hardly reaches. */
export const incrementalRule =
  'incremental: a command that works in a directory of its own (cd, -C, --prefix) is run when a changed file lies below it or directly ' +
  'in the root; no command is run when only documentation changed; the base commit is run only when something is red on the result. ' +
  'What is left out is not proven: run with testStrategy full before you rely on it.';

/** Why a command is left out of an incremental verification of these changed paths, or null when it must be run. */
export function reasonToLeaveOut(command: string, changed: readonly string[]): string | null {
  if (changed.length > 0 && changed.every(isDocumentation)) return 'incremental: only documentation changed';
  const directory = directoryOf(command);
  if (directory === null) return null;
  const reached = changed.some((path) => !path.includes('/') || path.startsWith(`${directory}/`));
  return reached ? null : `incremental: no changed file lies below ${directory}/ or directly in the root`;
}

function isDocumentation(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return /\.(md|markdown|rst|adoc)$/i.test(name) || /^(LICEN[CS]E|NOTICE|AUTHORS|CHANGELOG)(\.txt)?$/i.test(name);
}

const places = [
  /^cd\s+(\S+)\s*&&/,
  /^(?:make|pnpm)\s+-C\s+(\S+)/,
  /^npm\s+(?:--prefix|-C)[\s=](\S+)/,
  /^pnpm\s+--dir[\s=](\S+)/,
  /^yarn\s+--cwd[\s=](\S+)/,
  /^go\s+-C[\s=](\S+)/,
];

/** Signs that a command goes elsewhere as well. */
const elsewhere = /[;|\n`]|\$\(|\.\.|\b(cd|pushd)\s|\s-C|--prefix|--dir|--cwd/;

/** The one directory that a command works in, as far as its text says so plainly; null for the root or any doubt. */
function directoryOf(command: string): string | null {
  const text = command.trim();
  for (const place of places) {
    const [whole, named = ''] = place.exec(text) ?? [];
    if (whole === undefined) continue;
    const rest = text.slice(whole.length);
    if (elsewhere.test(rest) || (rest.includes('&&') && !whole.endsWith('&&'))) return null;
    const directory = named.replace(/^\.\//, '').replace(/\/+$/, '');
    const plain = /^[\w@.-]+(\/[\w@.-]+)*$/.test(directory) && !/(^|\/)\.{1,2}(\/|$)/.test(directory);
    return plain ? directory : null;
  }
  return null;
}
