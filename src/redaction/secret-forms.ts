/** A shorter value is not looked for: it would be found in words that have nothing to do with it. */
export const SHORTEST_SECRET = 8;

/**
 * A value as it can stand in a text: as it is, as the bytes of its UTF-8 taken for Latin-1, escaped for JSON (once, and again as JSON in
 * JSON), percent-encoded, in hexadecimal, and in base64 wherever in the encoded bytes it begins, in both alphabets.
 */
export function formsOf(secret: string): string[] {
  const value = secret.trim(); // A file ends with a line break, and what is made of it may not.
  if (value.length < SHORTEST_SECRET) return [];
  const bytes = Buffer.from(value);
  const escaped = inJson(value);
  const percent = encodeURIComponent(value);
  const based = [0, 1, 2].map((offset) => inBase64(bytes, offset));
  const hex = bytes.toString('hex');
  const forms = [
    value,
    bytes.toString('latin1'),
    escaped,
    inJson(escaped),
    escaped.replaceAll('/', String.raw`\/`),
    percent,
    percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    percent.replaceAll('%20', '+'),
    ...based,
    ...based.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    hex,
    hex.toUpperCase(),
  ];
  return [...new Set(forms)];
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** The characters of base64 that follow from the value alone, when `offset` other bytes (modulo 3) come before it. */
function inBase64(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}
