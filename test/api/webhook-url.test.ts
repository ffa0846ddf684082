import { expect, test } from 'vitest';
import { checkWebhookUrl } from '../../src/api/webhook-url.ts';

test.each([
  ['https://hooks.example.test/x', false],
  ['https://1.1.1.1/x', false],
  ['https://[2606:4700:4700::1111]/', false],
  ['https://10.0.0.1/x', true],
  ['http://127.0.0.1:9/x', true],
  ['http://[::1]:9/x', true],
  ['http://localhost:9/x', true],
])('%s is taken (private targets allowed: %j)', (url, allowPrivate) => {
  expect(() => checkWebhookUrl(url, allowPrivate)).not.toThrow();
});

test.each([
  ['nonsense', true],
  ['ftp://hooks.example.test/x', true],
  ['http://hooks.example.test/x', true],
  ['http://10.0.0.1/x', true],
  ['http://127.0.0.1/x', false],
  ['https://10.0.0.1/x', false],
  ['https://169.254.169.254/latest', false],
  ['https://0x7f.1/', false],
  ['https://0/', false],
  ['https://[::1]/', false],
  ['https://[::ffff:127.0.0.1]/', false],
  ['https://[fd00::1]/', false],
  ['https://localhost/', false],
  ['https://localhost./', false],
  ['https://app.localhost/', false],
])('%s is refused (private targets allowed: %j)', (url, allowPrivate) => {
  expect(() => checkWebhookUrl(url, allowPrivate)).toThrow(expect.objectContaining({ code: 'INVALID_WEBHOOK_URL' }));
});

test.each(['https://user:canary@hooks.example.test/', 'ftp://user:canary@hooks.example.test/'])(
  '%s is refused without repeating the password in it',
  (url) => {
    let message = '';
    try {
      checkWebhookUrl(url, true);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('cannot be the URL of a webhook');
    expect(message).not.toContain('canary');
  },
);
