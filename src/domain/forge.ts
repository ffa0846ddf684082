import * as z from 'zod';

/** The forges that requests can be opened on. */
export const forgeKinds = ['github', 'gitlab', 'gitea'] as const;
export type ForgeKind = (typeof forgeKinds)[number];

/** A forge: its kind, and the URL under which people see it (`https://git.example.com`, with a path where it has one). */
export const ForgeSpec = z.strictObject({
  kind: z.enum(forgeKinds),
  baseUrl: z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' }),
});
export type ForgeSpec = z.infer<typeof ForgeSpec>;

/** The public forges by the hosts of their repositories; Codeberg's Forgejo speaks Gitea's API. */
const known: Readonly<Record<string, ForgeSpec>> = {
  'github.com': { kind: 'github', baseUrl: 'https://github.com' },
  'ssh.github.com': { kind: 'github', baseUrl: 'https://github.com' },
  'gitlab.com': { kind: 'gitlab', baseUrl: 'https://gitlab.com' },
  'altssh.gitlab.com': { kind: 'gitlab', baseUrl: 'https://gitlab.com' },
  'gitea.com': { kind: 'gitea', baseUrl: 'https://gitea.com' },
  'codeberg.org': { kind: 'gitea', baseUrl: 'https://codeberg.org' },
};

/** The forge of a repository URL (https, ssh or `host:path`), where its host is one of the public ones; else null. */
export function forgeOf(url: string): ForgeSpec | null {
  const host = placeOf(url)?.host ?? '';
  return Object.hasOwn(known, host) ? (known[host] ?? null) : null;
}

/** The name of a repository on its forge: `owner/name`, with all groups on GitLab; null for a URL that has none. */
export function repositoryOn({ baseUrl }: Pick<ForgeSpec, 'baseUrl'>, url: string): string | null {
  const place = placeOf(url);
  if (place === null) return null;
  // A forge that lives below a path has it in its http URLs, not in those of SSH.
  const prefix = `${new URL(baseUrl).pathname.replace(/\/+$/, '')}/`;
  const inside = /^https?:/i.test(url) && place.path.startsWith(prefix) ? place.path.slice(prefix.length) : place.path;
  const name = inside.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
  return /^[^/\s]+(\/[^/\s]+)+$/.test(name) && !name.split('/').includes('..') ? name : null;
}

function placeOf(url: string): { readonly host: string; readonly path: string } | null {
  if (/^(https?|ssh):\/\//i.test(url)) {
    const parsed = URL.parse(url);
    return parsed && { host: parsed.hostname.toLowerCase(), path: parsed.pathname };
  }
  const [, host, path] = /^(?:[^@/:\s]+@)?([^/:\s]+):(?!\/\/)(.+)$/.exec(url) ?? [];
  return host === undefined || path === undefined ? null : { host: host.toLowerCase(), path: `/${path}` };
}
