import { randomBytes } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redactor } from '../src/redaction/redactor.ts';
import { formsOf } from '../src/redaction/secret-forms.ts';
import { secretShapes } from '../src/redaction/secret-shapes.ts';
import { median, print, title } from './figure.ts';

const BYTES = 32 * 2 ** 20;
const ROUNDS = 5;
/** What comes from a pipe at once. */
const CHUNK_BYTES = 64 * 1024;

/** Redaction of source text, the likeliest output there is, by ten values in all their forms and every known shape. */
export function benchRedaction(): void {
  const values = Array.from({ length: 10 }, () => randomBytes(30).toString('base64url'));
  const redactor = new Redactor();
  for (const value of values) redactor.add('git.token', value);
  const text = sourceText();
  const wide = `${text.slice(0, -1)}→`; // One character beyond Latin-1 makes a string of twice the bytes.
  const bytes = Buffer.from(text, 'latin1');
  const pattern = oneExpression(values);
  title(`Redaction, ${BYTES / 2 ** 20} MB of source text on one core (target ≥ 100 MB/s)`);
  throughput('text', () => redactor.text(text));
  throughput('text beyond Latin-1', () => redactor.text(wide));
  throughput('bytes', () => redactor.bytes(bytes));
  throughput(`a stream in pieces of ${CHUNK_BYTES / 1024} KB`, () => {
    const stream = redactor.stream();
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
      stream.push(bytes.subarray(at, at + CHUNK_BYTES).toString('latin1'));
    stream.end();
  });
  throughput('for comparison: all of it as one regular expression', () => text.replace(pattern, '[redacted]'));
}

function throughput(name: string, work: () => void): void {
  work();
  const rates = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    work();
    return BYTES / 1e6 / ((performance.now() - started) / 1000);
  });
  print(name, `${median(rates).toFixed(0)} MB/s`);
}

function sourceText(): string {
  const root = join(import.meta.dirname, '..');
  const files = globSync(['{src,test}/**/*.ts', '*.json'], { cwd: root });
  const once = files.map((file) => readFileSync(join(root, file), 'latin1')).join('\n');
  const many = once.repeat(Math.ceil(BYTES / once.length)).slice(0, BYTES);
  return Buffer.from(many, 'latin1').toString('latin1'); // In one piece, as text that was read is.
}

function oneExpression(values: readonly string[]): RegExp {
  const forms = values.flatMap(formsOf).map((form) => form.replace(/[^A-Za-z0-9]/g, String.raw`\$&`));
  return new RegExp([...forms, ...secretShapes.map(({ pattern }) => pattern)].join('|'), 'g');
}
