/** A process of its own that claims a session again and again: `claimer.ts <store directory> <session> <times>`. */
import { openStore } from '../../src/store/store.ts';

const [directory = '', sessionId = '', times = '1'] = process.argv.slice(2);
const store = openStore({ directory });
for (let index = 0; index < Number(times); index += 1) await store.journal.claim(sessionId);
store.close();
