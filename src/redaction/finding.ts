/** Something found in a text: what is between `from` and `to` is not to be shown. */
export interface Finding {
  readonly name: string;
  /** Where it was recognized, which may be before what is redacted. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** The text with what was found taken out. */
export function redacted(text: string, findings: readonly Finding[], from = 0, to = text.length): string {
  let result = '';
  let done = from;
  for (const finding of findings) {
    result += `${text.slice(done, finding.from)}[redacted:${finding.name}]`;
    done = finding.to;
  }
  return findings.length === 0 && from === 0 && to === text.length ? text : result + text.slice(done, to);
}
