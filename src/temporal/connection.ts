import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';

/** How to reach Temporal: address, TLS, API key and namespace. */
export interface TemporalOptions {
  readonly connectionOptions: NativeConnectionOptions;
  readonly namespace: string;
}

const RETRY_MS = 500;
const ANSWER_MS = 2000;

/**
 * Reads TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_* and a profile file as the field does
 * (`@temporalio/envconfig`). A profile must be named (TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE): the one in the home directory
 * belongs to the `temporal` command, and its key and TLS would be tried on the embedded server.
 * @param fallback the address of the embedded server, for when none is named.
 */
export function temporalOptions(fallback?: string): TemporalOptions {
  const isProfileNamed = Boolean(process.env['TEMPORAL_PROFILE'] || process.env['TEMPORAL_CONFIG_FILE']);
  const { connectionOptions, namespace } = loadClientConnectConfig({ disableFile: !isProfileNamed });
  const address = connectionOptions.address || fallback;
  return {
    connectionOptions: { ...connectionOptions, ...(address && { address }) },
    namespace: namespace ?? 'default',
  };
}

/** True when the environment, or the profile that it names, says which server to use; else there is the embedded one. */
export function isServerNamed(): boolean {
  return Boolean(temporalOptions().connectionOptions.address);
}

/** A client that connects when it is first used: an API can start while Temporal is down. */
export function createClient({ connectionOptions, namespace }: TemporalOptions, dataConverter?: DataConverter): Client {
  const connection = lazyConnection(connectionOptions);
  return new Client({ connection, namespace, ...(dataConverter && { dataConverter }) });
}

/**
 * A connection for clients. After an outage of any length it is there again within seconds (gRPC's own pauses grow to two minutes). On
 * loopback it heeds no `http_proxy`: a proxy cannot reach the servers of this machine.
 */
export function lazyConnection(options: NativeConnectionOptions): Connection {
  const isLoopback = /^(127\.|localhost(:|$)|\[::1\])/.test(options.address ?? 'localhost');
  const channelArgs = {
    'grpc.max_reconnect_backoff_ms': ANSWER_MS,
    ...(isLoopback && { 'grpc.enable_http_proxy': 0 }),
  };
  return Connection.lazy({ ...options, channelArgs });
}

/** A worker's connection; waits until Temporal is there. */
export async function connectWorker(
  { connectionOptions }: TemporalOptions,
  onWait: (error: unknown) => void,
): Promise<NativeConnection> {
  for (;;) {
    try {
      return await NativeConnection.connect(connectionOptions);
    } catch (error) {
      onWait(error);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/**
 * Resolves when the server answers, at once as a rule; or when the signal is aborted. The SDK tries only for seconds to hand over what an
 * activity gave, and then drops it.
 */
export async function untilAnswering(connection: NativeConnection, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await connection.withDeadline(Date.now() + ANSWER_MS, () => connection.workflowService.getSystemInfo({}));
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
