import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Redactor } from '../../src/redaction/redactor.ts';

const VALUE = 'p4ss/wörd+"quoted"\nand more';
const redactor = new Redactor().add('git.token', VALUE).add('model.apiKey', 'canary-0123456789');

test.each([
  ['as it is', VALUE],
  ['in JSON', JSON.stringify({ token: VALUE })],
  ['in JSON in JSON', JSON.stringify(JSON.stringify({ token: VALUE }))],
  ['percent-encoded', encodeURIComponent(VALUE)],
  ['percent-encoded in lower case', encodeURIComponent(VALUE).replace(/%../g, (code) => code.toLowerCase())],
  ['as a form', new URLSearchParams({ q: 'canary-0123456789' }).toString()],
  ['in base64', Buffer.from(VALUE).toString('base64')],
  ['in base64 for URLs', Buffer.from(VALUE).toString('base64url')],
  ['in hexadecimal', Buffer.from(VALUE).toString('hex')],
])('a value is found %s', (_, text) => {
  const clean = redactor.text(`before ${text} after`);
  expect(clean).toMatch(/^before .*\[redacted:(git\.token|model\.apiKey)\].* after$/s);
  for (const part of ['p4ss', 'canary', 'quoted', Buffer.from('p4ss/w').toString('base64').slice(0, 6)])
    expect(clean).not.toContain(part);
});

test('a value is found in the base64 of something that begins before it', () => {
  for (const user of ['', 'u', 'us', 'use', 'x-access-token']) {
    const clean = redactor.text(Buffer.from(`${user}:canary-0123456789:rest`).toString('base64'));
    expect(clean).toContain('[redacted:model.apiKey]');
    expect(Buffer.from(clean.replace(/\[.*?\]/, ''), 'base64').toString()).not.toContain('canary');
  }
});

const p = (length: number, text = 'aB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cF') => text.repeat(9).slice(0, length);
const key = (kind: string) => `-----BEGIN ${kind}-----\n${p(64)}\n${p(30)}==\n-----END ${kind}-----`;
test.each([
  ['github-token', `ghp_${p(36)}`],
  ['github-token', `github_pat_${p(22)}_${p(59)}`],
  ['gitlab-token', `glpat-${p(20)}`],
  ['slack-token', `xoxb-1234567890-${p(24)}`],
  ['slack-token', `xapp-1-A0123-${p(24)}`],
  ['aws-key', 'AKIA234567ABCDEFGHIJ'],
  ['provider-key', `sk-ant-api03-${p(80)}`],
  ['provider-key', `sk-proj-${p(48)}`],
  ['provider-key', `AIza${p(35)}`],
  ['provider-key', `hf_${p(34)}`],
  ['stripe-key', `sk_live_${p(24)}`],
  ['npm-token', `npm_${p(36)}`],
  ['pypi-token', `pypi-${p(120)}`],
  ['sendgrid-key', `SG.${p(22)}.${p(43)}`],
  ['webhook-secret', `whsec_${p(32)}`],
  ['jwt', `eyJ${p(30)}.eyJ${p(60)}.${p(43)}`],
  ['private-key', key('RSA PRIVATE KEY')],
  ['private-key', key('OPENSSH PRIVATE KEY').replaceAll('\n', String.raw`\n`)],
  ['private-key', key('PGP PRIVATE KEY BLOCK')],
  ['private-key', `-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n${p(64)}\n`],
])('%s is told by its shape: %s', (name, secret) => {
  expect(new Redactor().text(`a ${secret} z`)).toBe(`a [redacted:${name}]${secret.endsWith('\n') ? '' : ' z'}`);
});

test.each([
  ['https://user:hunter2@example.test/a', 'https://[redacted:url-credentials]@example.test/a'],
  [`https://${p(24)}@github.com/a/b`, 'https://[redacted:url-credentials]@github.com/a/b'],
  ['redis://:x', 'redis://:x'],
  ['authorization: Bearer abcdefgh1234', 'authorization: Bearer [redacted:authorization]'],
  ['{"Authorization":"Basic dXNlcjpwYXNz"}', '{"Authorization":"Basic [redacted:authorization]"}'],
  [`aws_secret_access_key = ${p(40)}`, 'aws_secret_access_key = [redacted:aws-secret]'],
  [
    `https://hooks.slack.com/services/T0123ABCD/B0123ABCD/${p(24)}`,
    'https://hooks.slack.com/services/[redacted:slack-webhook]',
  ],
])('only the secret itself is taken out of %s', (text, clean) => {
  expect(new Redactor().text(text)).toBe(clean);
});

test.each([
  'ssh://git@example.test/a.git and git@example.test:a.git',
  'postgres://postgres:postgres@localhost/test',
  'const url = `https://${user}:${password}@${host}`;',
  'a disk-0123456789-0123456789-0123456789 and task-list, sk-loading-indicator-for-lists',
  'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  'commit da39a3ee5e6b4b0d3255bfef95601890afd80709',
  'npm_config_registry_and_some_more_words_like_these',
  'if (text.includes("-----BEGIN PRIVATE KEY-----")) return',
  'git.token is [redacted:git.token]',
  'pass short',
])('what is no secret stays: %s', (text) => {
  expect(new Redactor().add('short', 'short').text(text)).toBe(text);
});

test('a value is called by its name also where it has a known shape, and of two values the longer one is found', () => {
  const token = `ghp_${p(36)}`;
  const both = new Redactor().add('git.token', token).add('other', token.slice(0, 20));
  expect(both.text(`${token} ${token.slice(0, 20)}`)).toBe('[redacted:git.token] [redacted:other]');
});

test('without shapes only values are found', () => {
  const token = `ghp_${p(36)}`;
  expect(new Redactor({ shapes: false }).add('a', 'canary-0123456789').text(`${token} canary-0123456789`)).toBe(
    `${token} [redacted:a]`,
  );
});

test('JSON is redacted string by string and otherwise stays what it was', () => {
  const value = { a: ['canary-0123456789', 1, null], b: { c: true, d: 'x' } };
  expect(redactor.json(value)).toEqual({ a: ['[redacted:model.apiKey]', 1, null], b: { c: true, d: 'x' } });
  const clean = { a: ['b'], c: 1 };
  expect(redactor.json(clean)).toBe(clean);
});

test('bytes that are no text stay what they are around a secret', () => {
  const noise = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const clean = redactor.bytes(Buffer.concat([noise, Buffer.from(VALUE), noise]));
  expect(clean).toEqual(Buffer.concat([noise, Buffer.from('[redacted:git.token]'), noise]));
  expect(redactor.bytes(noise)).toBe(noise);
});

/** Text with secrets and parts of secrets in it. */
const pieces = fc.constantFrom(
  'canary-0123456789',
  'canary-',
  '0123456789',
  VALUE,
  encodeURIComponent(VALUE),
  `ghp_${p(36)}`,
  'ghp_',
  p(36),
  key('PRIVATE KEY'),
  '-----BEGIN RSA PRIVATE KEY-----',
  '-----',
  'https://',
  'user:',
  'hunter22',
  '@',
  ' ',
  '\n',
  'sk-',
  'eyJ',
  '.',
  `eyJ${p(20)}`,
  'authorization: ',
  'bearer ',
  '[redacted:x]',
  'ü',
);
const texts = fc.array(pieces, { maxLength: 30 }).map((parts) => parts.join(''));

test('a stream gives what the whole gives, wherever it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(texts, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(200), { minLength: 1 }),
      (many, cuts) => {
        // Long enough that the stream gives something before its end.
        const text = many.join('x '.repeat(30_000));
        const stream = redactor.stream();
        let streamed = '';
        for (let at = 0, turn = 0; at < text.length; turn += 1) {
          const size = turn % 3 === 0 ? (cuts[turn % cuts.length] ?? 0) + 1 : 20_011;
          streamed += stream.push(text.slice(at, at + size));
          at += size;
        }
        return streamed + stream.end() === redactor.text(text);
      },
    ),
    { numRuns: 60 },
  );
});

test.each([
  'canary-0123456789',
  `https://${p(24)}@github.com`,
  `a disk-${p(30)} that is no key`,
  `sk-${p(30)}`,
  key('PRIVATE KEY'),
  VALUE.repeat(2),
])('a stream may give up to any place in or around %s', (secret) => {
  const filler = 'x '.repeat(3 * redactor.reach);
  const text = `${filler}${secret} ${filler}`;
  const clean = redactor.text(text);
  for (let place = filler.length - 10; place < filler.length + secret.length + 10; place += 1) {
    // The first piece ends there, or has its held back end there.
    for (const end of [place, place + redactor.reach]) {
      const stream = redactor.stream();
      const given = stream.push(text.slice(0, end));
      expect(given.length).toBeGreaterThan(0);
      expect(given + stream.push(text.slice(end)) + stream.end() === clean, `cut at ${end}`).toBe(true);
    }
  }
});

test('a stream holds back no more than it must', () => {
  const stream = redactor.stream();
  let [given, held] = [0, 0];
  for (let index = 0; index < 200; index += 1) {
    given += stream.push('x'.repeat(10_000)).length;
    held = Math.max(held, (index + 1) * 10_000 - given);
  }
  expect(held).toBeLessThan(200_000);
});
