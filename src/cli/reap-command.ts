import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';

interface Reaping {
  readonly kept: readonly { readonly sessionId: string; readonly secrets: number; readonly pullRequests: string[] }[];
  readonly branches: readonly { readonly repository: string; readonly branch: string }[];
  readonly items: readonly { readonly kind: string; readonly bytes: number; readonly files: number }[];
  readonly total: number;
}

/** Removing what nobody needs from the server's directories. */
export const reapCommand: Command = {
  usage: 'reap [--dry-run]',
  summary: 'Remove what nobody needs any more, and say where the other bytes are',
  details:
    'With --dry-run nothing is removed. A live session loses nothing. Sizes are those before, as du(1) counts them. Work branches that ' +
    'failed sessions have left on remotes are listed; they go with their session where the server has REAP_BRANCHES. So are ended ' +
    'sessions that stay, however old, because their credentials are kept for an open pull request.',
  options: { 'dry-run': { type: 'boolean' } },
  run: async (_, values, { client, print, tell }) => {
    const dry = values['dry-run'] === true;
    const reaping = await (dry
      ? client.call<Reaping>('GET', '/api/storage')
      : client.call<Reaping>('POST', '/api/storage/reap'));
    for (const { kind, bytes, files } of [...reaping.items, { kind: 'together', bytes: reaping.total, files: 0 }])
      tell(`${kind.padEnd(26)}${String(bytes).padStart(16)} bytes${files > 0 ? `  ${files} files` : ''}`);
    for (const { sessionId, secrets, pullRequests } of reaping.kept)
      tell(`kept: ${sessionId} with its credentials (${secrets}), for ${pullRequests.join(' and ')}`);
    for (const { repository, branch } of reaping.branches) tell(`left on ${repository}: ${branch}`);
    print(reaping);
    return exitCodes.complete;
  },
};
