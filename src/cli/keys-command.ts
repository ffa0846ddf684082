import type { Command } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';

/** The master keys that seal the secrets of sessions. */
export const keysCommand: Command = {
  usage: 'keys list|rotate',
  summary: 'Show the master keys by id, or change the one that seals',
  details: `rotate makes a new key in front of the others, where the server keeps its own (master.key in SESSIONS_DIR), and seals every secret
anew with it. Keys that MASTER_KEY or MASTER_KEY_FILE give are changed there: put the new one first, then rotate. Older keys
still open what they sealed; \`list\` shows which of them seal nothing any more.`,
  options: {},
  run: async ([what], _, { client, print, tell }) => {
    if (what === 'list') {
      print(await client.call('GET', '/api/master-keys'));
      return exitCodes.complete;
    }
    if (what !== 'rotate') throw new UsageError('Say list or rotate.');
    const rotated = await client.call<{ added: string | null; unreadable: number }>('POST', '/api/master-keys/rotate');
    if (rotated.added === null) tell('No key was made: MASTER_KEY or MASTER_KEY_FILE gives them.');
    if (rotated.unreadable > 0) tell(`${rotated.unreadable} secrets cannot be opened: their key is not in the ring.`);
    print(rotated);
    return rotated.unreadable > 0 ? exitCodes.failed : exitCodes.complete;
  },
};
