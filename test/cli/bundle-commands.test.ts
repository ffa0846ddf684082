import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { textPart, writeBundle } from '../../src/bundle/write-bundle.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { holdfast, listen } from './setting.ts';

async function archive(): Promise<Buffer<ArrayBuffer>> {
  const about = { sessionId: 'ses_a', state: 'COMPLETE', snapshot: null };
  const pieces: Uint8Array[] = [];
  for await (const piece of writeBundle(about, [textPart('a.txt', 'some text\n')]).bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('export saves a bundle only when it verifies, and leaves nothing else', async () => {
  const good = await archive();
  const bad = Buffer.from(good);
  bad.writeUInt8(bad.readUInt8(bad.indexOf('some text')) ^ 1, bad.indexOf('some text'));
  const { url } = await listen(({ url: asked }) => new Response(asked.includes('ses_bad') ? bad : good));
  const directory = temporaryDirectory();
  const run = (id: string) => holdfast(['export', id, '-o', join(directory, `${id}.tar`)], { HOLDFAST_URL: url });
  expect(await run('ses_good').exit).toBe(0);
  const refused = run('ses_bad');
  expect(await refused.exit).toBe(1);
  expect(refused.stderr()).toContain('TAMPERED  a.txt: its 10 bytes');
  expect(readdirSync(directory)).toEqual(['ses_good.tar']);
});

test('a download that breaks off is no bundle: it is said, and nothing is left', async () => {
  const whole = await archive();
  const { url } = await listen(() => {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(whole.subarray(0, 700)),
      pull: (controller) => controller.error(new Error('gone')),
    });
    return new Response(body, { headers: { 'content-length': String(whole.length) } });
  });
  const directory = temporaryDirectory();
  const command = holdfast(['export', 'ses_a', '-o', join(directory, 'a.tar')], { HOLDFAST_URL: url });
  expect(await command.exit).toBe(5);
  expect(command.stderr()).toContain('the download broke off');
  expect(readdirSync(directory)).toEqual([]);
});

test.each([
  [['export', 'ses_a'], '-o <file>'],
  [['verify-bundle'], 'The file is missing'],
  [['verify-bundle', '/nonexistent'], 'is no file'],
])('%j is wrong use, and says how it is right', async (args, said) => {
  const { url } = await listen(() => new Response(null));
  const command = holdfast(args, { HOLDFAST_URL: url });
  expect(await command.exit).toBe(2);
  expect(command.stderr()).toContain(said);
});

test('a file that cannot be written is told as such', async () => {
  const whole = await archive();
  const { url } = await listen(() => new Response(whole));
  const command = holdfast(['export', 'ses_a', '-o', '/nonexistent/a.tar'], { HOLDFAST_URL: url });
  expect(await command.exit).toBe(2);
  expect(command.stderr()).toContain('cannot be written');
});

test('verify-bundle needs no server', async () => {
  const file = join(temporaryDirectory(), 'a.tar');
  writeFileSync(file, await archive());
  const command = holdfast(['verify-bundle', file], { HOLDFAST_URL: 'http://127.0.0.1:1' });
  expect([await command.exit, JSON.parse(command.stdout())]).toMatchObject([
    0,
    { verified: true, sessionId: 'ses_a', parts: 1 },
  ]);
});
