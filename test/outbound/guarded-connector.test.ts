import { createServer, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Agent, request } from 'undici';
import { guardedConnector } from '../../src/outbound/guarded-connector.ts';

const strict = { allowPrivate: false, timeoutMs: 2000 };
type Resolve = NonNullable<Parameters<typeof guardedConnector>[1]>;

/** A name server of one name, which gives the next answer each time. */
function names(...answers: string[][]): { resolve: Resolve; asked: () => number } {
  let asked = 0;
  const resolve: Resolve = (_host, _options, done) => {
    const answer = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    done(
      null,
      answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { resolve, asked: () => asked };
}

/** A port of this machine that counts who comes. */
async function canary(): Promise<{ port: number; hits: () => number }> {
  let hits = 0;
  const server = createServer((socket) => {
    hits += 1;
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, hits: () => hits };
}

async function call(url: string, options: Parameters<typeof guardedConnector>[0], resolve?: Resolve): Promise<string> {
  const dispatcher = new Agent({ connect: guardedConnector(options, resolve) });
  onTestFinished(() => dispatcher.destroy());
  return request(url, { dispatcher }).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return String(statusCode);
    },
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

/** Ways to say this machine, its neighbours and the place where it asks about itself. */
const hostile = [
  '127.0.0.1',
  '127.1',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '2130706433',
  '0x7f000001',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '0.0.0.0',
  '0',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '169.254.169.254',
  '[::ffff:169.254.169.254]',
  '[64:ff9b::a9fe:a9fe]',
  '[fd00:ec2::254]',
  '168.63.129.16',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '[fe80::1]',
  '[fc00::1]',
  '[2002:7f00:1::]',
  '224.0.0.1',
];

test.each(hostile)('%s is refused without a connection, over http and https', async (host) => {
  const { port, hits } = await canary();
  for (const scheme of ['http', 'https'])
    expect(await call(`${scheme}://${host}:${port}/`, strict)).toContain('is not an address that this server may');
  expect(hits()).toBe(0);
});

test.each([
  [['127.0.0.1']],
  [['::1']],
  [['::ffff:127.0.0.1']],
  [['fe80::1%lo']],
  [['169.254.169.254']],
  [['93.184.216.34', '127.0.0.1']],
  [['127.0.0.1', '93.184.216.34']],
])('a name that leads to %j is refused', async (addresses) => {
  const { port, hits } = await canary();
  const { resolve } = names(addresses);
  expect(await call(`http://name.example.test:${port}/`, strict, resolve)).toContain('name.example.test (');
  expect(hits()).toBe(0);
});

test('a name is resolved once, and what was checked is dialled: the second answer of a rebinding is never asked for', async () => {
  const { port, hits } = await canary();
  const allowed = { ...strict, networks: ['127.0.0.2/32'] };
  const { resolve, asked } = names(['127.0.0.2'], ['127.0.0.1']);
  expect(await call(`http://name.example.test:${port}/`, allowed, resolve)).toBe('200');
  expect([asked(), hits()]).toEqual([1, 1]);
});

test('the networks that are named are reached, their neighbours are not', async () => {
  const { port, hits } = await canary();
  const allowed = { ...strict, networks: ['127.0.0.1/32'] };
  expect(await call(`http://127.0.0.1:${port}/`, allowed)).toBe('200');
  expect(await call(`http://127.0.0.2:${port}/`, allowed)).toContain('may connect to');
  expect(hits()).toBe(1);
});

test('where private networks are allowed, the place where a machine asks about itself is still not', async () => {
  const { port } = await canary();
  const open = { ...strict, allowPrivate: true };
  expect(await call(`http://127.0.0.1:${port}/`, open)).toBe('200');
  for (const host of [
    '169.254.169.254',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::a9fe:a9fe]',
    '[fd00:ec2::254]',
    '168.63.129.16',
  ])
    expect(await call(`http://${host}:${port}/`, open)).toContain('may connect to');
});
