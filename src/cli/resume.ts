import { credentialOptions, credentialsOf, credentialUsage } from './credential-options.ts';
import { limitOptions, limitsOf, limitUsage } from './limit-options.ts';

/** How `holdfast resume` is called. */
export const resumeUsage = `resume <id> ${limitUsage} [--branch name] ${credentialUsage}`;

/** Options of `holdfast resume`, as parseArgs takes them. */
export const resumeOptions = { ...limitOptions, branch: { type: 'string' }, ...credentialOptions } as const;

/**
 * The body of `POST …/resume`.
 * @throws UsageError naming the option that is no number or no readable file.
 */
export function resumeBody(values: Readonly<Record<string, unknown>>): object {
  return { limits: limitsOf(values), branch: values['branch'], credentials: credentialsOf(values) };
}
