import { HoldfastError } from '../domain/failure.ts';
import type { Source } from '../domain/task.ts';
import type { CreateSession } from './schemas.ts';

/** Where a request says that the code is. */
interface NamedSource {
  readonly source?: Pick<NonNullable<CreateSession['source']>, 'repoUrl' | 'ref' | 'submodules' | 'lfs'> | undefined;
  readonly workingDir?: string | undefined;
}

/**
 * The source that a request names, as it is named there; a switch that is off is not mentioned.
 * @throws HoldfastError INVALID_REPOSITORY_URL when it names none, or two
 */
export function sourceOf({ source, workingDir }: NamedSource): Source {
  if ((source === undefined) === (workingDir === undefined)) {
    throw new HoldfastError('INVALID_REPOSITORY_URL', 'Give either source.repoUrl or workingDir.');
  }
  if (workingDir !== undefined) return { kind: 'directory', path: workingDir };
  const { repoUrl = '', ref, submodules = false, lfs = false } = source ?? {};
  return {
    kind: 'repository',
    url: repoUrl,
    ...(ref !== undefined && { ref }),
    ...(submodules && { submodules }),
    ...(lfs && { lfs }),
  };
}
