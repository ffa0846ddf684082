import { redacted, type Finding } from './finding.ts';
import { RedactingStream } from './redacting-stream.ts';
import { formsOf } from './secret-forms.ts';
import { LONGEST_SHAPE, secretShapes } from './secret-shapes.ts';

interface Rule {
  readonly name: string;
  /** A value's form, or a shape's pattern, sticky. */
  readonly what: string | RegExp;
}

const SLOTS = 2 ** 14;

/**
 * Finds secrets in text, by value (in all {@link formsOf} it) and by shape, and puts `[redacted:<name>]` in their place. What comes out depends on
 * nothing but the text and the values.
 *
 * A table tells for three characters at a time whether anything begins with them, so that hardly any place is looked at closer: measured
 * (`npm run bench redaction`), one regular expression with everything in it is several times slower.
 */
export class Redactor {
  readonly #slots = new Uint8Array(SLOTS);
  readonly #rules = new Map<number, Rule[]>();
  #reach: number;

  /** @param options.shapes false to look for values only. */
  constructor(options: { readonly shapes: boolean } = { shapes: true }) {
    this.#reach = options.shapes ? LONGEST_SHAPE : 0;
    for (const { name, anchors, pattern, ignoreCase } of options.shapes ? secretShapes : []) {
      const rule = { name, what: new RegExp(pattern, ignoreCase === true ? 'iy' : 'y') };
      for (const anchor of anchors) this.#add(anchor, rule);
    }
  }

  /** Looks for this value too. A short one is passed over, see {@link formsOf}. */
  add(name: string, value: string): this {
    for (const form of formsOf(value)) {
      this.#add(form, { name, what: form });
      this.#reach = Math.max(this.#reach, form.length);
    }
    return this;
  }

  /** Nothing that is found is longer, in characters. */
  get reach(): number {
    return this.#reach;
  }

  /** The text without secrets; the same string when there are none. */
  text(text: string): string {
    return redacted(text, this.find(text));
  }

  /** Bytes of any kind without secrets; the same bytes when there are none. */
  bytes(bytes: Buffer): Buffer {
    const text = bytes.toString('latin1'); // Byte for character: nothing else changes, whatever the bytes are.
    const clean = this.text(text);
    return clean === text ? bytes : Buffer.from(clean, 'latin1');
  }

  /** A JSON value without secrets in its strings; the same value when there are none. */
  json<T>(value: T): T {
    return this.#json(value) as T;
  }

  /** Redacts a stream, piece by piece, wherever its pieces begin and end. */
  stream(): RedactingStream {
    return new RedactingStream(this);
  }

  /** What is found at the places from `from` on and before `before`, in order and without overlaps. */
  find(text: string, from = 0, before = text.length): Finding[] {
    const found: Finding[] = [];
    const end = Math.min(before, text.length - 2);
    for (let at = this.#next(text, from, end); at < end; at = this.#next(text, at, end)) {
      const finding = this.#look(text, at);
      if (finding !== null) found.push(finding);
      at = finding?.to ?? at + 1;
    }
    return found;
  }

  /** The next place where something may begin, or `end`. This is where the time goes. */
  #next(text: string, from: number, end: number): number {
    const slots = this.#slots;
    let three = (text.charCodeAt(from) << 5) ^ text.charCodeAt(from + 1);
    for (let at = from; at < end; at += 1) {
      three = ((three << 5) ^ text.charCodeAt(at + 2)) & 0x7fff; // What was before them has been shifted out.
      if (slots[three & (SLOTS - 1)] !== 0) return at;
    }
    return end;
  }

  #look(text: string, at: number): Finding | null {
    let best: Finding | null = null;
    for (const { name, what } of this.#rules.get(slotOf(text, at)) ?? []) {
      const finding = typeof what === 'string' ? valueAt(text, at, what, name) : shapeAt(text, at, what, name);
      if (finding !== null && (best === null || finding.to > best.to)) best = finding;
    }
    return best;
  }

  #add(anchor: string, rule: Rule): void {
    const slot = slotOf(anchor, 0);
    this.#slots[slot] = 1;
    const rules = this.#rules.get(slot) ?? [];
    // A value comes before a shape: where both are found, it is called by its name.
    if (typeof rule.what === 'string') rules.unshift(rule);
    else rules.push(rule);
    this.#rules.set(slot, rules);
  }

  #json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value !== 'object' || value === null) return value;
    const before = Array.isArray(value) ? value : Object.values(value);
    const after = before.map((item) => this.#json(item));
    if (after.every((item, index) => item === before[index])) return value;
    return Array.isArray(value)
      ? after
      : Object.fromEntries(Object.keys(value).map((key, index) => [key, after[index]]));
  }
}

/** Three characters as a number below {@link SLOTS}; others may have the same one. */
function slotOf(text: string, at: number): number {
  return ((text.charCodeAt(at) << 10) ^ (text.charCodeAt(at + 1) << 5) ^ text.charCodeAt(at + 2)) & (SLOTS - 1);
}

function valueAt(text: string, at: number, value: string, name: string): Finding | null {
  return text.startsWith(value, at) ? { name, at, from: at, to: at + value.length } : null;
}

function shapeAt(text: string, at: number, pattern: RegExp, name: string): Finding | null {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return null;
  const to = at + match[0].length;
  return { name, at, from: to - (match[1] ?? match[0]).length, to };
}
