import type { Client } from '@temporalio/client';
import { searchAttributes } from '../workflows/search-attributes.ts';

/** `INDEXED_VALUE_TYPE_KEYWORD` of Temporal's API (temporal/api/enums/v1/common.proto). */
const KEYWORD = 2;

/**
 * Registers the search attributes in the namespace, if they are not there: without them no session could start.
 * Call it at every start; an attribute that exists already is left alone.
 */
export async function registerSearchAttributes(client: Client): Promise<void> {
  const { connection } = client;
  const { namespace } = client.options;
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter((name) => !(name in customAttributes));
  if (missing.length === 0) return;
  const attributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
  await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: attributes });
}
