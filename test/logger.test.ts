import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const logger = join(import.meta.dirname, '..', 'src', 'logger.ts');
const secrets = join(import.meta.dirname, '..', 'src', 'redaction', 'known-secrets.ts');

/** What a process writes to stderr that logs in a few ways. */
function logged(code: string): string {
  const script = `
    const { createLogger } = await import(${JSON.stringify(logger)});
    const { KnownSecrets } = await import(${JSON.stringify(secrets)});
    const known = new KnownSecrets();
    const logger = createLogger({ name: 'test', level: 'info', redactor: () => known.all() });
    ${code}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }).stderr;
}

test('no line of the log has a secret in it, wherever it stands, and each is still JSON', () => {
  const output = logged(`
    const secret = 'canary-"quoted"-0123456789';
    known.learn('ses_a', 'git.token', secret);
    logger.info('says ' + secret);
    logger.warn({ deep: { deeper: { list: [secret] } }, token: 'x' }, 'facts');
    logger.error({ err: new Error('failed with ' + secret) }, 'an error');
    logger.info({ url: 'https://user:hunter22@host/' }, encodeURIComponent(secret));
    logger.info(Buffer.from('user:' + secret).toString('base64'));
  `);
  const lines = output.trim().split('\n');
  expect(lines).toHaveLength(5);
  for (const line of lines) {
    expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(line).toContain('[redacted:');
  }
  expect(output).not.toMatch(/canary|quoted|hunter22/);
});

test('a secret that becomes known later is looked for from then on', () => {
  const output = logged(
    `logger.info('canary-one-two'); known.learn('ses_a', 'git.token', 'canary-one-two'); logger.info('canary-one-two');`,
  );
  expect(output.split('\n').map((line) => /"msg":"([^"]*)"/.exec(line)?.[1])).toEqual([
    'canary-one-two',
    '[redacted:git.token]',
    undefined,
  ]);
});
