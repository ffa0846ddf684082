import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ForgeKind } from '../domain/forge.ts';

type Headers = (name: string) => string | undefined;

/**
 * True when a delivery is signed with one of the secrets: GitHub and Gitea send the HMAC-SHA256 of the body in hex, GitLab the secret
 * itself. All are compared, in constant time: how long it takes tells nothing.
 */
export function isSigned(kind: ForgeKind, header: Headers, body: string, secrets: readonly string[]): boolean {
  const given = signatureIn[kind](header);
  if (given === undefined) return false;
  const expected = (secret: string) =>
    kind === 'gitlab' ? secret : createHmac('sha256', secret).update(body).digest('hex');
  return secrets.map((secret) => isEqual(given, expected(secret))).includes(true);
}

/** The id of a delivery, the same over all tries of the forge; undefined when it has none. */
export function deliveryIdIn(kind: ForgeKind, header: Headers): string | undefined {
  const id = idIn[kind](header);
  return id !== undefined && /^[\x21-\x7e]{1,200}$/.test(id) ? id : undefined;
}

/** What the delivery is about, in the forge's words. */
export function eventIn(kind: ForgeKind, header: Headers): string {
  return header(`x-${kind}-event`) ?? '';
}

const signatureIn: Readonly<Record<ForgeKind, (header: Headers) => string | undefined>> = {
  github: (header) => /^sha256=([0-9a-f]{64})$/.exec(header('x-hub-signature-256') ?? '')?.[1],
  gitlab: (header) => header('x-gitlab-token'),
  gitea: (header) => header('x-gitea-signature'),
};

const idIn: Readonly<Record<ForgeKind, (header: Headers) => string | undefined>> = {
  github: (header) => header('x-github-delivery'),
  // Older versions have no key that stays over all tries, but an id of the event.
  gitlab: (header) => header('idempotency-key') ?? header('x-gitlab-event-uuid'),
  gitea: (header) => header('x-gitea-delivery'),
};

function isEqual(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
