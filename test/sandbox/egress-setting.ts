import { connect, type Socket } from 'node:net';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { parseNetwork } from '../../src/domain/network-address.ts';
import type { Refusal } from '../../src/sandbox/egress-policy.ts';
import { EgressProxy, type EgressProxyOptions } from '../../src/sandbox/egress-proxy.ts';

/** An open proxy and everything it has told. */
export interface EgressSetting {
  readonly proxy: EgressProxy;
  readonly blocked: Refusal[];
  /** Sends bytes to the proxy's socket and answers everything that came back until it closed the connection. */
  readonly send: (bytes: string) => Promise<string>;
  readonly open: () => Socket;
}

/** Every name below `.test` leads to this machine; the proxy may go there. */
export const here = {
  privateNetworks: [parseNetwork('127.0.0.0/8')],
  resolve: async () => [{ address: '127.0.0.1', family: 4 }],
};

export async function egressSetting(
  options: Partial<EgressProxyOptions> & Pick<EgressProxyOptions, 'rules'>,
  sandbox: Parameters<typeof EgressProxy.open>[0] = { adopt: async () => undefined },
): Promise<EgressSetting> {
  const blocked: Refusal[] = [];
  const proxy = await EgressProxy.open(sandbox, {
    ...here,
    onBlocked: (refusal) => blocked.push(refusal),
    ...options,
  });
  onTestFinished(() => proxy.close());
  const open = (): Socket => {
    const socket = connect(proxy.socketPath);
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  const send = async (bytes: string): Promise<string> => {
    const socket = open();
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(bytes);
    await closed;
    return text;
  };
  return { proxy, blocked, send, open };
}

/** An HTTP server outside, which remembers what reached it. */
export async function outsideServer(
  answer: (request: IncomingMessage) => string = () => 'reached',
): Promise<{ readonly port: number; readonly seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.headers.host} ${request.url}`);
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => response.end(`${answer(request)}${body}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}
