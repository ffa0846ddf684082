import { expect, test } from 'vitest';
import { KnownSecrets } from '../../src/redaction/known-secrets.ts';

test('a session is redacted by its own secrets and the server’s, what is of no session by all', () => {
  const known = new KnownSecrets();
  const all = known.all();
  known.learn('ses_a', 'git.token', 'canary-of-a');
  known.learn('ses_b', 'git.token', 'canary-of-b');
  known.learnOfServer('LLM_API_KEY', 'canary-of-server');
  const text = 'canary-of-a canary-of-b canary-of-server';
  expect(known.of('ses_a').text(text)).toBe('[redacted:git.token] canary-of-b [redacted:LLM_API_KEY]');
  expect(all.text(text)).toBe('[redacted:git.token] [redacted:git.token] [redacted:LLM_API_KEY]');
});

test('a secret that is given anew is known beside the one it replaces', () => {
  const known = new KnownSecrets();
  known.learn('ses_a', 'git.token', 'canary-one');
  expect(known.of('ses_a').text('canary-one canary-two')).toBe('[redacted:git.token] canary-two');
  known.learn('ses_a', 'git.token', 'canary-two');
  expect(known.of('ses_a').text('canary-one canary-two')).toBe('[redacted:git.token] [redacted:git.token]');
});

test('of many sessions those are forgotten that were needed longest ago', () => {
  const known = new KnownSecrets();
  known.learnOfServer('LLM_API_KEY', 'canary-of-server');
  for (let index = 0; index < 1001; index += 1) {
    known.learn(`ses_${index}`, 'git.token', `canary-${index}-of-many`);
    known.learn('ses_0', 'git.token', 'canary-0-of-many');
  }
  expect(known.all().text('canary-0-of-many canary-1-of-many canary-1000-of-many canary-of-server')).toBe(
    '[redacted:git.token] canary-1-of-many [redacted:git.token] [redacted:LLM_API_KEY]',
  );
});
