import { expect, onTestFinished, test } from 'vitest';
import { WebhookClient } from '../../src/activities/webhook-client.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const body = JSON.stringify({ session_id: 'ses_a', seq: 1 });

async function prepare(
  url: string,
  options = { allowPrivate: true, timeoutMs: 2000 },
): Promise<{ store: Store; client: WebhookClient }> {
  const store = openStore({ directory: temporaryDirectory() });
  const client = new WebhookClient(store, options);
  onTestFinished(async () => {
    await client.close();
    store.close();
  });
  await store.sessions.create(sampleSession('ses_a'));
  await store.secrets.put('ses_a', 'webhook.secret', secret);
  await store.deliveries.add({ eventId: 'evt_a_1', sessionId: 'ses_a', url, body }, 0);
  return { store, client };
}

async function receiver(answer: (count: number) => { status: number; headers?: Record<string, string> }) {
  const started = await startWebhookReceiver({ secret: () => secret, answer });
  onTestFinished(() => started.close());
  return started;
}

test('a webhook carries the recorded body and a signature that the standardwebhooks package takes', async () => {
  const { url, received } = await receiver(() => ({ status: 200 }));
  const { store, client } = await prepare(url);
  await client.send('evt_a_1');
  expect(received).toMatchObject([{ id: 'evt_a_1', body, verified: true }]);
  expect(await store.deliveries.find('evt_a_1')).toMatchObject({ state: 'delivered', attempts: 1, lastStatus: 200 });
});

test('a webhook whose session is deleted while it is on its way is not sent with a signature that nobody could trust', async () => {
  const { url, received } = await receiver(() => ({ status: 200 }));
  const { store, client } = await prepare(url);
  await store.secrets.forget('ses_a', ['webhook.secret']);
  await client.send('evt_a_1');
  await store.sessions.delete('ses_a');
  await client.send('evt_a_1');
  expect(received).toEqual([]);
});

test('a webhook that was delivered is not sent again', async () => {
  const { url, received } = await receiver(() => ({ status: 200 }));
  const { client } = await prepare(url);
  await client.send('evt_a_1');
  await client.send('evt_a_1');
  expect(received).toHaveLength(1);
});

test('each attempt sends the same id and body, and a refusal names how long to wait', async () => {
  const { url, received } = await receiver((count) =>
    count === 1 ? { status: 503, headers: { 'retry-after': '7' } } : { status: 200 },
  );
  const { store, client } = await prepare(url);
  await expect(client.send('evt_a_1')).rejects.toMatchObject({ code: 'WEBHOOK_FAILED', retryAfterMs: 7000 });
  expect(await store.deliveries.find('evt_a_1')).toMatchObject({ state: 'pending', attempts: 1, lastStatus: 503 });
  await client.send('evt_a_1');
  expect(new Set(received.map(({ id, body: sent }) => id + sent)).size).toBe(1);
  expect(received.every(({ verified }) => verified)).toBe(true);
});

test('a redirect is a refusal and is not followed', async () => {
  const target = await receiver(() => ({ status: 200 }));
  const { url } = await receiver(() => ({ status: 307, headers: { location: target.url } }));
  const { client } = await prepare(url);
  await expect(client.send('evt_a_1')).rejects.toMatchObject({ code: 'WEBHOOK_FAILED' });
  expect(target.received).toEqual([]);
});

test.each(['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '2130706433'])(
  'a webhook to %s is refused at the socket when private networks are not allowed',
  async (host) => {
    const { url, received } = await receiver(() => ({ status: 200 }));
    const target = url.replace('127.0.0.1', host);
    for (const scheme of ['http:', 'https:']) {
      const { client } = await prepare(target.replace('http:', scheme), { allowPrivate: false, timeoutMs: 2000 });
      await expect(client.send('evt_a_1')).rejects.toMatchObject({ code: 'WEBHOOK_FAILED' });
    }
    expect(received).toEqual([]);
  },
);

test('an endpoint that never answers is given up after the timeout', async () => {
  const { createServer } = await import('node:net');
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const { store, client } = await prepare(`http://127.0.0.1:${port}/`, { allowPrivate: true, timeoutMs: 150 });
  await expect(client.send('evt_a_1')).rejects.toMatchObject({ code: 'WEBHOOK_FAILED' });
  expect(await store.deliveries.find('evt_a_1')).toMatchObject({ state: 'pending', lastStatus: null });
});
