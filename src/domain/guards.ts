import { acceptanceOf, isProposal, type Contract } from './contract.ts';

/** The acceptance commands that nobody demands, but that were suggested: they guard what is green on the base. */
export function guardsOf(contract: Contract): string[] {
  const chosen = acceptanceOf(contract);
  const suggested = contract.items.filter(({ kind, source }) => kind === 'command' && isProposal(source));
  return suggested.map(({ name }) => name).filter((name) => chosen.includes(name));
}
