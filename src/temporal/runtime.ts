import { Runtime, makeTelemetryFilterString, type Logger } from '@temporalio/worker';

/** Where the SDK's log lines go. */
export interface StructuredLog {
  trace(facts: object, message: string): void;
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

/** Sends the SDK's logs to ours and lets SIGTERM and SIGINT drain the worker. Call it once, before any connection. */
export function installRuntime(log: StructuredLog): void {
  const to = (level: keyof StructuredLog) => (message: string, facts?: object) => log[level](facts ?? {}, message);
  const logger: Logger = {
    log: (level, message, facts) => to(level.toLowerCase() as keyof StructuredLog)(message, facts),
    trace: to('trace'),
    debug: to('debug'),
    // What the SDK finds worth telling is detail to whoever runs Holdfast.
    info: to('debug'),
    warn: to('warn'),
    error: to('error'),
  };
  const filter = makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' });
  Runtime.install({
    logger,
    telemetryOptions: { logging: { forward: {}, filter } },
    shutdownSignals: ['SIGTERM', 'SIGINT'],
  });
}
