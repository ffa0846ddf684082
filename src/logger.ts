import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Structured logs on stderr (stdout belongs to results). Known secret fields are blanked; secrets are not logged in the first place. */
export function createLogger(options: { readonly name: string; readonly level: string }): Logger {
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
  return pino({ name: options.name, level: options.level, redact }, pino.destination({ fd: 2, sync: true }));
}
