import type { Verification } from '../domain/gate.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Change } from '../git/git-manager.ts';

/** What the texts of a pull request are made of: the same facts give the same texts. */
export interface RequestFacts {
  readonly snapshot: Snapshot;
  readonly digest: string;
  readonly commit: string;
  readonly verified: boolean;
  /** What the checks leave open, or null. */
  readonly note: string | null;
  /** The agent's own words about its work. */
  readonly summary: string;
  readonly verification: Verification | null;
  readonly changes: readonly Change[];
}

const BEGIN = '<!-- holdfast:begin -->';
const END = '<!-- holdfast:end -->';
const OPENED = '<!-- holdfast:opened -->';
/** The hidden first line of the comment that is written once and then kept up to date. */
const REPORT = '<!-- holdfast:report -->';
/** GitHub takes 65,536 characters; the rest is in the report. */
const MAX_CHARS = 60_000;
const MAX_CHANGES = 100;
const MAX_SUMMARY_CHARS = 8000;

/** The title of a new request. */
export function titleOf({ snapshot }: Pick<RequestFacts, 'snapshot'>, given: string | null): string {
  return given ?? (harmless(oneLine(snapshot.goal)).slice(0, 200) || `Result of ${snapshot.sessionId}`);
}

/** The body of a request that Holdfast opens. */
export function openedBody(facts: RequestFacts): string {
  return `${sectionOf(facts)}\n${OPENED}`;
}

/** True for the body of a request that Holdfast has opened, and not somebody else. */
export function isOpenedByUs(body: string): boolean {
  return body.includes(OPENED);
}

/** A body with Holdfast's section as it is now: in the place of the one that is there, else after what others wrote, which stays. */
export function withSection(body: string, facts: RequestFacts): string {
  const [begin, end] = [body.indexOf(BEGIN), body.indexOf(END)];
  if (begin >= 0 && end > begin) return body.slice(0, begin) + sectionOf(facts) + body.slice(end + END.length);
  return `${body.trimEnd()}\n\n${sectionOf(facts)}`.trimStart();
}

/** True for the comment that holds the report. */
export function isReport(comment: string): boolean {
  return comment.trimStart().startsWith(REPORT);
}

/** The report as a comment. */
export function reportComment(facts: RequestFacts): string {
  const { changes, commit, digest, snapshot, verification } = facts;
  const { checks = [], syntax = [] } = verification ?? {};
  const lines = [
    ...checks.map(({ verdict, command }) => `| **${verdict}** | ${code(command)} |`),
    ...syntax.map(({ verdict, tool, files }) => `| **${verdict}** | syntax of ${files} files (${oneLine(tool)}) |`),
  ];
  const sum = (of: 'additions' | 'deletions') => changes.reduce((total, change) => total + change[of], 0);
  const shown = changes
    .slice(0, MAX_CHANGES)
    .map((change) => `- ${change.status} ${code(change.path)} +${change.additions} −${change.deletions}`);
  const more = changes.length > MAX_CHANGES ? [`- and ${changes.length - MAX_CHANGES} more`] : [];
  return limited([
    `${REPORT}\n### Report of ${snapshot.sessionId}`,
    headline(facts),
    ...(lines.length === 0 ? [] : [['| verdict | check |\n|---|---|', ...lines].join('\n')]),
    [`**Changes**: ${changes.length} files, +${sum('additions')} −${sum('deletions')}`, ...shown, ...more].join('\n'),
    `Commit ${code(commit)}, snapshot ${code(digest)}`,
  ]);
}

/** True for texts that say the same: forges change line ends and drop blanks at the end. */
export function isSameText(one: string, other: string): boolean {
  const plain = (text: string) => text.replaceAll('\r\n', '\n').trim();
  return plain(one) === plain(other);
}

function sectionOf(facts: RequestFacts): string {
  const { commit, digest, snapshot, summary } = facts;
  const waived = (snapshot.waivers ?? []).map(({ kind, name, reason }) => `${kind} ${name}: ${reason}`);
  const text = limited([
    BEGIN,
    headline(facts),
    ...(summary.trim() === '' ? [] : [quoted(summary)]),
    ...listed('Assumed', snapshot.assumptions),
    ...listed('Waived', waived),
    [
      '| | |\n|---|---|',
      `| Session | ${snapshot.sessionId} |`,
      `| Snapshot | ${code(digest)} |`,
      `| Base commit | ${code(snapshot.base.commit)} |`,
      `| Commit | ${code(commit)} |`,
    ].join('\n'),
  ]);
  return `${text}\n\n${END}`;
}

function headline({ note, snapshot, verified }: RequestFacts): string {
  const standing = verified
    ? `**VERIFIED by the server's own checks${note === null ? '' : `, with a reservation: ${note}`}.**`
    : `**NOT VERIFIED: ${note ?? 'no acceptance command was run'}.**`;
  return `Goal: ${harmless(oneLine(snapshot.goal))}\n\n${standing}`;
}

function listed(title: string, texts: readonly string[]): string[] {
  return texts.length === 0
    ? []
    : [[`**${title}**`, ...texts.map((text) => `- ${harmless(oneLine(text))}`)].join('\n')];
}

function limited(parts: readonly string[]): string {
  const text = parts.join('\n\n');
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS)}\n\n(cut: the rest is in the report)`;
}

/** The agent's words stay its own: no line of them begins where a forge looks for a command. */
function quoted(text: string): string {
  const lines = harmless(text.trim().slice(0, MAX_SUMMARY_CHARS)).split(/\r\n?|\n/);
  return lines.map((line) => `> ${line}`.trimEnd()).join('\n');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

/** Text that calls nobody, closes no issue and hides nothing: a person is named by `@`, an issue by `#` or `!`, a comment is hidden by `<!`. */
function harmless(text: string): string {
  return text.replaceAll('<', '&lt;').replace(/([@#!])(?=[\w])/g, '$1\u200b');
}

function code(text: string): string {
  const line = oneLine(text).replaceAll('|', '\\|');
  const fence = '`'.repeat(Math.max(0, ...[...line.matchAll(/`+/g)].map(([run]) => run.length)) + 1);
  const blank = line.startsWith('`') || line.endsWith('`') ? ' ' : '';
  return `${fence}${blank}${line}${blank}${fence}`;
}
