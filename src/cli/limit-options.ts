import { UsageError } from './usage-error.ts';

/** The limits of a session, by the option for each. */
const limits = {
  'max-steps': 'maxSteps',
  'max-iterations': 'maxIterations',
  'max-tokens': 'maxTokens',
  'max-cost-usd': 'maxCostUsd',
  'max-wall-ms': 'maxWallMs',
} as const;
const names = Object.keys(limits) as (keyof typeof limits)[];

/** The options by which limits of a session are given, as parseArgs takes them. */
export const limitOptions = Object.fromEntries(names.map((name) => [name, { type: 'string' } as const]));

/** How a command that takes {@link limitOptions} is called. */
export const limitUsage = names.map((name) => `[--${name} n]`).join(' ');

/**
 * The `limits` of a request; undefined when none were given.
 * @throws UsageError naming the option that is no number.
 */
export function limitsOf(values: Readonly<Record<string, unknown>>): object | undefined {
  const given = names.flatMap((name) => {
    const value = numberOf(values, name, { whole: name !== 'max-cost-usd' });
    return value === undefined ? [] : [[limits[name], value] as const];
  });
  return given.length > 0 ? Object.fromEntries(given) : undefined;
}

/**
 * What an option says, or undefined when it was not given.
 * @throws UsageError naming the option that is no number, or no whole one.
 */
export function numberOf(
  values: Readonly<Record<string, unknown>>,
  name: string,
  { whole }: { readonly whole: boolean },
): number | undefined {
  const value = values[name];
  if (typeof value !== 'string') return undefined;
  const pattern = whole ? /^\d+$/ : /^\d+(\.\d+)?$/;
  if (!pattern.test(value)) throw new UsageError(`--${name} must be a ${whole ? 'whole ' : ''}number.`);
  return Number(value);
}
