import { credentialOptions, credentialsOf } from './credential-options.ts';
import { UsageError } from './usage-error.ts';

/** The limits that `resume` can raise, by the option for it. */
const limitOptions = {
  'max-steps': 'maxSteps',
  'max-iterations': 'maxIterations',
  'max-tokens': 'maxTokens',
  'max-cost-usd': 'maxCostUsd',
  'max-wall-ms': 'maxWallMs',
} as const;
const limitNames = Object.keys(limitOptions);

/** How `holdfast resume` is called. */
export const resumeUsage = `resume <id> ${limitNames.map((name) => `[--${name} n]`).join(' ')} [--branch name] ${Object.keys(
  credentialOptions,
)
  .map((name) => `[--${name} ${name.endsWith('-file') ? 'file' : 'name'}]`)
  .join(' ')}`;

/** Options of `holdfast resume`, as parseArgs takes them. */
export const resumeOptions = {
  ...Object.fromEntries(limitNames.map((name) => [name, { type: 'string' } as const])),
  branch: { type: 'string' },
  ...credentialOptions,
} as const;

/**
 * The body of `POST …/resume`.
 * @throws UsageError naming the option that is no number or no readable file.
 */
export function resumeBody(values: Readonly<Record<string, unknown>>): object {
  const limits = Object.entries(limitOptions).flatMap(([option, name]) => {
    const value = values[option];
    if (typeof value !== 'string') return [];
    const pattern = name === 'maxCostUsd' ? /^\d+(\.\d+)?$/ : /^\d+$/;
    if (!pattern.test(value))
      throw new UsageError(`--${option} must be a ${name === 'maxCostUsd' ? '' : 'whole '}number.`);
    return [[name, Number(value)] as const];
  });
  const credentials = credentialsOf(values);
  return {
    ...(limits.length > 0 && { limits: Object.fromEntries(limits) }),
    ...(typeof values['branch'] === 'string' && { branch: values['branch'] }),
    ...(credentials !== undefined && { credentials }),
  };
}
