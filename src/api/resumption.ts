import type { SessionRecord } from '../store/sessions.ts';

/** True for a session that waits because its branch is not to be had: then another one may be named. */
export function mayChooseBranch({ pause, state }: SessionRecord): boolean {
  return state === 'PAUSED' && (pause?.code === 'REMOTE_DIVERGED' || pause?.code === 'BRANCH_PROTECTED');
}
