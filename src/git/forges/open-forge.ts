import { HoldfastError } from '../../domain/failure.ts';
import { repositoryOn, type ForgeSpec } from '../../domain/forge.ts';
import type { ForgeAccess } from './forge-api.ts';
import type { Forge } from './forge.ts';
import { gitea } from './gitea.ts';
import { gitHub } from './github.ts';
import { gitLab } from './gitlab.ts';

const forges = { github: gitHub, gitlab: gitLab, gitea } as const;

/**
 * The repository of a URL on its forge.
 * @throws HoldfastError FORGE_NOT_FOUND for a URL that names no repository there
 */
export function openForge(spec: ForgeSpec, repoUrl: string, access: ForgeAccess): Forge {
  const repository = repositoryOn(spec, repoUrl);
  if (repository === null) throw new HoldfastError('FORGE_NOT_FOUND', `${repoUrl} names no repository on a forge.`);
  return forges[spec.kind]({ baseUrl: spec.baseUrl, repository }, access);
}
