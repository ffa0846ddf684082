import { acceptanceOf, isProposal, type Contract } from './contract.ts';

/** The acceptance commands that nobody demands, but that were suggested: they guard what is green on the base. */
export function guardsOf(contract: Contract): string[] {
  const chosen = acceptanceOf(contract);
  const suggested = contract.items.filter(({ kind, source }) => kind === 'command' && isProposal(source));
  return suggested.map(({ name }) => name).filter((name) => chosen.includes(name));
}

/** Those of the guards that nobody but the model proposed: it may have been told to. */
export function claimsOf(contract: Contract): string[] {
  const claimed = contract.items.filter(({ kind, source }) => kind === 'command' && source === 'model');
  const guards = guardsOf(contract);
  return claimed.map(({ name }) => name).filter((name) => guards.includes(name));
}
