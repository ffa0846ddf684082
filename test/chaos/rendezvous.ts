import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FaultHit } from '../../src/fault-point.ts';

/** A hit as the harness sees it. */
export interface Seen extends FaultHit {
  /** From 1, among the hits of this point for this session, whichever process had them. */
  readonly ordinal: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Where processes under test report at their fault points and wait to be let go. */
export class Rendezvous {
  /** Decides whether a process is held at a hit; by default none is. */
  hold: (hit: Seen) => boolean | Promise<boolean> = () => false;
  readonly #server: Server;
  readonly #hits: Seen[] = [];
  #held: { readonly hit: Seen; readonly response: ServerResponse }[] = [];

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(): Promise<Rendezvous> {
    const rendezvous = new Rendezvous();
    await new Promise<void>((resolve) => rendezvous.#server.listen(0, '127.0.0.1', resolve));
    return rendezvous;
  }

  /** What TEST_FAULT_POINTS is to be set to. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hit`;
  }

  /** All hits so far. */
  get count(): number {
    return this.#hits.length;
  }

  hitsOf(sessionId: string): Seen[] {
    return this.#hits.filter((hit) => hit.sessionId === sessionId);
  }

  /** Lets everybody go who is held, or only those of a session. */
  release(sessionId?: string): void {
    const going = this.#held.filter(({ hit }) => sessionId === undefined || hit.sessionId === sessionId);
    this.#held = this.#held.filter((waiting) => !going.includes(waiting));
    for (const { response } of going) response.end();
  }

  async close(): Promise<void> {
    this.hold = () => false;
    this.release();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined); // Whoever waited has been killed.
    const told = await bodyOf(request).catch(() => undefined);
    if (told === undefined) return;
    const same = ({ point, sessionId }: Seen) => point === told.point && sessionId === told.sessionId;
    const hit: Seen = { ...told, ordinal: this.#hits.filter(same).length + 1, at: Date.now() };
    this.#hits.push(hit);
    if (await this.hold(hit)) this.#held.push({ hit, response });
    else response.end();
  }
}

async function bodyOf(request: IncomingMessage): Promise<FaultHit> {
  return JSON.parse(await text(request)) as FaultHit;
}
