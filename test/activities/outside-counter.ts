import { onTestFinished } from 'vitest';
import { startOutsideCounter, type OutsideCounter } from '../support/outside-counter.ts';

/** A counter that ends with its test, and `counter.test:port`, by which commands reach it. */
export async function outsideCounter(): Promise<OutsideCounter & { readonly host: string }> {
  const counter = await startOutsideCounter();
  onTestFinished(() => counter.close());
  return { ...counter, host: `counter.test:${counter.port}` };
}
