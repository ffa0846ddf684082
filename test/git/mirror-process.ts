import { Mirrors } from '../../src/git/mirrors.ts';

/** `mirror-process.ts <directory> <url> <token> <commit>`: fetches a commit into the mirror, as a worker of its own. */
const [directory = '', url = '', token = '', commit = ''] = process.argv.slice(2);
const remote = { tenant: 'default', url, credentials: { username: 'git', token } };
process.stdout.write(`${await new Mirrors(directory).fetch(remote, { commit, ref: 'refs/heads/main' })}\n`);
