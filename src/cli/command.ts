import type { ParseArgsConfig } from 'node:util';
import type { HoldfastClient } from './client.ts';
import { UsageError } from './usage-error.ts';

/** What a command works with. */
export interface CommandContext {
  readonly client: HoldfastClient;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Progress and hints, for people. */
  readonly tell: (line: string) => void;
  /** The result, for programs. */
  readonly print: (result: unknown) => void;
}

/** The options of a command, as `parseArgs` takes them. */
export type Options = NonNullable<ParseArgsConfig['options']>;
/** What was given for them. */
export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** A command of `holdfast`. */
export interface Command {
  readonly usage: string;
  readonly summary: string;
  /** More for its own help. */
  readonly details?: string;
  readonly options: Options;
  readonly run: (args: readonly string[], values: Values, context: CommandContext) => Promise<number>;
}

/**
 * The first argument of a command about a session.
 * @throws UsageError when it was left out.
 */
export function given(id: string | undefined): string {
  if (id === undefined) throw new UsageError('The id of a session is missing.');
  return id;
}

/** The path of a session in the API. */
export function pathOf(id: string | undefined): string {
  return `/api/sessions/${encodeURIComponent(given(id))}`;
}
