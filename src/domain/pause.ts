import { isModelOutage } from './failure.ts';
import type { PauseReason } from './session.ts';

/** What a paused session waits for, as programs read it in answers and webhooks; the code beside it says more. */
export const pauseReasons = ['operator', 'budget_reached', 'credentials', 'provider', 'storage', 'other'] as const;

/** A pause as it is shown. */
export type ShownPause = PauseReason & { readonly reason: (typeof pauseReasons)[number] };

/** A pause with the reason that programs read. */
export function showPause(pause: PauseReason): ShownPause {
  return { reason: reasonOf(pause), ...pause };
}

function reasonOf(pause: PauseReason): ShownPause['reason'] {
  if (pause.code === 'OPERATOR') return 'operator';
  if (pause.code === 'BUDGET_REACHED') return 'budget_reached';
  if (pause.code === 'STORAGE_FAILED') return 'storage';
  if (pause.class === 'auth') return 'credentials';
  return isModelOutage(pause) ? 'provider' : 'other';
}
