/**
 * True for a command that is green whatever the work was, as far as its text says so plainly. Proposed by a model that a file told so, it
 * would pass for proof; in doubt it is one, for whoever wants such a command can demand it.
 */
export function isAlwaysGreen(command: string): boolean {
  const lists = command.split(/;|\n/).filter((list) => list.trim() !== '');
  const last = lists.at(-1) ?? ''; // Its end is the end of the whole.
  if (/(^|[^&>])&\s*$/.test(last)) return true; // It goes on in the background.
  if (/\|\s*(cat|tee|head|tail|sort|wc|less|cut|tr)\b[^|&]*$/.test(last) && !command.includes('pipefail')) return true;
  const [first = '', ...alternatives] = last.split('||');
  return doesNothing(first) || alternatives.some(doesNothing);
}

function doesNothing(list: string): boolean {
  return list.split('&&').every((part) => /^\s*(true|:|exit( 0)?|(echo|printf)\b[^<>|`$]*)?\s*$/.test(part));
}
