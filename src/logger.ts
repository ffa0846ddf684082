import { pino, type Logger } from 'pino';
import { Redactor } from './redaction/redactor.ts';

export type { Logger } from 'pino';

/**
 * Structured logs on stderr (stdout belongs to results). Secrets are not logged in the first place; fields that are called like one are
 * blanked, and every line is redacted as a whole.
 */
export function createLogger(options: {
  readonly name: string;
  readonly level: string;
  /** What is known of secrets at the moment; without it they are told by their shape only. */
  readonly redactor?: () => Redactor;
}): Logger {
  const shapes = new Redactor();
  const { name, level, redactor = () => shapes } = options;
  const redact = [
    'token',
    'apiKey',
    'secret',
    'password',
    'authorization',
    '*.token',
    '*.apiKey',
    '*.secret',
    '*.authorization',
  ];
  const hooks = { streamWrite: (line: string) => redactor().text(line) };
  return pino({ name, level, redact, hooks }, pino.destination({ fd: 2, sync: true }));
}
