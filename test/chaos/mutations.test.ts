import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mutated, mutations } from './mutations.ts';

test.each(mutations)('the code has what this mutation takes out: $what', (mutation) => {
  const code = readFileSync(join(import.meta.dirname, '..', '..', mutation.file), 'utf8');
  expect(mutated(code, mutation)).not.toBe(code);
});
