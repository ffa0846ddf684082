import { existsSync, statSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/holdfast.ts';
import { egressSetting, outsideServer } from './egress-setting.ts';

const get = (url: string, headers = '') => `GET ${url} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`;
const connectTo = (authority: string, headers = '') => `CONNECT ${authority} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;

test('a listed host is reached by an absolute URL and by a tunnel', async () => {
  const { port, seen } = await outsideServer();
  const { send, blocked } = await egressSetting({ rules: [`a.test:${port}`] });
  expect(await send(get(`http://a.test:${port}/plain?q=1`))).toMatch(/^HTTP\/1.1 200 [^]*reached$/);
  const tunnel = await send(
    `${connectTo(`a.test:${port}`)}GET /tunnel HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`,
  );
  expect(tunnel).toMatch(/^HTTP\/1.1 200 Connection Established[^]*reached$/);
  expect(seen).toEqual([`GET a.test:${port} /plain?q=1`, 'GET a.test /tunnel']);
  expect(blocked).toEqual([]);
});

test('a host that is not listed is answered 403 with the rule to add, and told once', async () => {
  const { send, blocked, proxy } = await egressSetting({ rules: ['a.test'] });
  for (const request of [
    connectTo('b.test:443'),
    connectTo('B.test.:443'),
    get('https://b.test/'),
    get('http://b.test/'),
  ]) {
    expect(await send(request)).toMatch(/^HTTP\/1.1 40[03] /);
  }
  expect(await send(connectTo('b.test:443'))).toContain('the rule to add is "b.test"');
  expect(blocked).toMatchObject([
    { host: 'b.test', port: 443, reason: 'not_listed', rule: 'b.test' },
    { host: 'b.test', port: 80, reason: 'not_listed', rule: 'b.test' },
  ]);
  expect(proxy.takeRefusals()).toHaveLength(2);
  expect(proxy.takeRefusals()).toEqual([]);
});

test.each([
  '127.0.0.1',
  '2130706433',
  '0x7f000001',
  '017700000001',
  '127.1',
  '0',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',

  '[0:0:0:0:0:0:0:1]',
  '169.254.169.254',
  '[fe80::1%25eth0]',
  '[fd00:ec2::254]',
  '127.0.0.1.',
  '127。0。0。1',
  '①②⑦.0.0.1',

  'a.test@127.0.0.1',
  'a.test%00@b.test',
  'a.test%2eb.test',
  'a.test\\@b.test',
  'b.test#a.test',
  'xa.test',
  'a.test.b.test',
])('nothing leads to %s, neither by CONNECT nor by a URL', async (host) => {
  const { port, seen } = await outsideServer();
  const { send } = await egressSetting({ rules: [`a.test:${port}`, `*.a.test:${port}`] });
  const bytes = Buffer.from(host, 'utf8').toString('latin1');
  expect(await send(connectTo(`${bytes}:${port}`))).toMatch(/^HTTP\/1.1 40[03] /);
  expect(await send(get(`http://${bytes}:${port}/`))).toMatch(/^HTTP\/1.1 40[03] /);
  expect(seen).toEqual([]);
});

test.each([
  '127.0.0.1',
  '10.0.0.1',
  '169.254.169.254',
  '0.0.0.0',
  '100.64.0.1',
  '192.168.1.1',
  '168.63.129.16',

  '::1',
  '::',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '64:ff9b::7f00:1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  '2002:7f00:1::',
  'not an address',
])('a listed name that leads to %s is blocked, by every way in', async (address) => {
  const resolve = async () => [{ address, family: address.includes(':') ? 6 : 4 }];
  const { send, blocked } = await egressSetting({ rules: ['a.test'], privateNetworks: [], resolve });
  expect(await send(connectTo('a.test:443'))).toMatch(/^HTTP\/1.1 403 [^]*EGRESS_PRIVATE_NETWORKS/);
  expect(await send(get('http://a.test/'))).toMatch(/^HTTP\/1.1 403 /);
  expect(blocked).toMatchObject([{ reason: 'private_address' }, { reason: 'private_address' }]);
});

test('a name that changes its address after the check gains nothing: the checked address is dialled, and no other', async () => {
  const { port, seen } = await outsideServer();
  const answers = ['127.0.0.1', '127.0.0.2'];
  let asked = 0;
  const resolve = async () => [{ address: answers[asked++] ?? '', family: 4 }];
  const { send } = await egressSetting({ rules: [`a.test:${port}`], resolve });
  expect(await send(get(`http://a.test:${port}/`))).toContain('reached');
  expect({ asked, seen }).toEqual({ asked: 1, seen: [`GET a.test:${port} /`] });
});

test('of mixed addresses only those that may be reached are dialled', async () => {
  const { port } = await outsideServer();
  const resolve = async () =>
    ['10.255.255.1', '169.254.169.254', '127.0.0.1'].map((address) => ({ address, family: 4 }));
  const { send } = await egressSetting({ rules: [`a.test:${port}`], resolve });
  expect(await send(get(`http://a.test:${port}/`))).toContain('reached');
});

test('a name that is not found and a port that is closed are answered 502, and are no event', async () => {
  const { send, blocked } = await egressSetting({
    rules: ['gone.test'],
    resolve: () => Promise.reject(new Error('ENOTFOUND')),
  });
  expect(await send(connectTo('gone.test:443'))).toMatch(/^HTTP\/1.1 502 [^]*no address/);
  const closed = await egressSetting({ rules: ['a.test:1'] });
  expect(await closed.send(connectTo('a.test:1'))).toMatch(/^HTTP\/1.1 502 [^]*ECONNREFUSED/);
  expect(await closed.send(get('http://a.test:1/'))).toMatch(/^HTTP\/1.1 502 [^]*ECONNREFUSED/);
  expect([...blocked, ...closed.blocked]).toEqual([]);
});

test('the Host header counts for nothing, and headers of the connection stay behind', async () => {
  const { port, seen } = await outsideServer(
    ({ headers, rawHeaders }) => `${JSON.stringify(headers)}${rawHeaders.length}`,
  );
  const { send } = await egressSetting({ rules: [`a.test:${port}`] });
  const tricks = [
    'Proxy-Authorization: Basic eDp5',
    'Proxy-Connection: keep-alive',
    'X-Named: 1',
    'Upgrade: websocket',
    'TE: trailers',
  ];
  const request = `GET http://a.test:${port}/ HTTP/1.1\r\nHost: b.test\r\nConnection: close, x-named, host\r\n${tricks.join('\r\n')}\r\n\r\n`;
  const answer = await send(request);
  expect(seen).toEqual([`GET a.test:${port} /`]);
  expect(answer).not.toMatch(/proxy-|x-named|websocket|trailers/);
  expect(await send(get('/only/a/path'))).toMatch(/^HTTP\/1.1 400 /);
  expect(await send(connectTo('http://a.test/'))).toMatch(/^HTTP\/1.1 400 /);
});

test('a body in chunks arrives whole and framed, whatever the method; a request with two framings is refused', async () => {
  const { port, seen } = await outsideServer();
  const { send } = await egressSetting({ rules: [`a.test:${port}`] });
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n';
  const chunk = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`;
  for (const method of ['GET', 'DELETE', 'POST']) {
    const head = `${method} http://a.test:${port}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await send(head + chunk)).toContain(`reached${smuggled}`);
  }
  const both = `POST http://a.test:${port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`;
  expect(await send(both)).toMatch(/^HTTP\/1.1 400 /);
  expect(seen.map((line) => line.split(' ')[0])).toEqual(['GET', 'DELETE', 'POST']);
});

test('a host of 300 characters is no host, and no event', async () => {
  const { send, blocked } = await egressSetting({ rules: ['a.test'] });
  const host = `${'a'.repeat(300)}.test`;
  expect(await send(connectTo(`${host}:443`))).toMatch(/^HTTP\/1.1 400 /);
  expect(await send(get(`http://${host}/`))).toMatch(/^HTTP\/1.1 400 /);
  expect(blocked).toEqual([]);
});

test('headers of 64 KB are refused', async () => {
  const { send } = await egressSetting({ rules: ['a.test'] });
  expect(await send(connectTo('a.test:443', `X: ${'x'.repeat(65_536)}\r\n`))).toMatch(/^(HTTP\/1.1 431 |$)/);
});

test('whoever sends its headers too slowly is cut off', async () => {
  const { open } = await egressSetting({ rules: ['a.test'], limits: { setupMs: 200 } });
  const socket = open();
  const drip = setInterval(() => socket.write('X: y\r\n'), 50);
  onTestFinished(() => clearInterval(drip));
  socket.write('CONNECT a.test:443 HTTP/1.1\r\n');
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
});

test('connections beyond the limit are dropped, and there is room again when one ends', async () => {
  const { port } = await outsideServer();
  const { open, send } = await egressSetting({ rules: [`a.test:${port}`], limits: { connections: 3 } });
  const held = await Promise.all(
    [1, 2, 3].map(async () => {
      const socket = open();
      socket.write(connectTo(`a.test:${port}`));
      await new Promise((resolve) => socket.once('data', resolve));
      return socket;
    }),
  );
  for (let attempt = 0; attempt < 20; attempt += 1) expect(await send(get(`http://a.test:${port}/`))).toBe('');
  held[0]?.destroy();
  await until(async () => (await send(get(`http://a.test:${port}/`))).includes('reached'));
});

test('a silent tunnel is closed', async () => {
  const { port } = await outsideServer();
  const { send } = await egressSetting({ rules: [`a.test:${port}`], limits: { idleMs: 1000 } });
  expect(await send(connectTo(`a.test:${port}`))).toMatch(/^HTTP\/1.1 200 /);
});

test('the proxy ends with every connection it carries, and leaves nothing behind', async () => {
  const carried: Socket[] = [];
  const silent = createServer((socket) => carried.push(socket));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const { open, proxy } = await egressSetting({ rules: [`a.test:${port}`] });
  expect(statSync(dirname(proxy.socketPath)).mode & 0o777).toBe(0o700);
  const client = open();
  client.write(connectTo(`a.test:${port}`));
  await until(() => carried.length === 1);
  const gone = [client, carried[0]].map((socket) => new Promise((resolve) => socket?.once('close', resolve)));
  await proxy.close();
  client.resume();
  carried[0]?.resume();
  await Promise.all(gone);
  expect(existsSync(dirname(proxy.socketPath))).toBe(false);
});
