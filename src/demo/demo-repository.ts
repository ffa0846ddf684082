/** The bundled demo: a small JavaScript project whose tests are red. Paths are relative to the repository's root. */
export const demoFiles: Readonly<Record<string, string>> = {
  'package.json': `{
  "name": "slugify-demo",
  "version": "1.0.0",
  "private": true,
  "type": "module",
  "scripts": { "test": "node --test" }
}
`,
  'README.md': `# slugify-demo

Turns titles into names for URLs: \`slugify('Hello, World!')\`.
`,
  'CHANGELOG.md': `# Changelog

- 1.0.0: first version
`,
  'src/slugify.js': `/** What stands between the words of a slug. */
export const SEPARATOR = '+';

/** A title as a name for URLs: lower case letters and digits, words joined by SEPARATOR. */
export function slugify(title) {
  return title.toLowerCase().replaceAll(' ', SEPARATOR);
}
`,
  'test/slugify.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SEPARATOR, slugify } from '../src/slugify.js';

test('joins the words with the separator', () => {
  assert.equal(slugify('Hello World'), ['hello', 'world'].join(SEPARATOR));
});

test('leaves no punctuation behind', () => {
  assert.equal(slugify('  Hello,  World! '), ['hello', 'world'].join(SEPARATOR));
});

test('uses a separator that URLs may contain', () => {
  assert.match(SEPARATOR, /^[-_.~]$/);
});
`,
};

/** The demo's task. The scripted demo model answers this prompt and no other. */
export const demoPrompt = 'Make the failing tests of slugify pass and note the fix in CHANGELOG.md.';

/** The demo's skill. It declares an input, so that the preflight has something to ask. */
export const demoSkill = `---
name: slugify-house-rules
description: How slugs are written in this house.
required_inputs:
  - name: separator
    description: One of - _ . ~
required_files:
  - src/slugify.js
  - test/**/*.test.js
required_tools: [read, edit, bash]
acceptance:
  - node --test
---
Join the words of a slug with \`{{separator}}\`. Do not change the tests.
`;

/** The commands that decide whether the demo's task is done. */
export const demoAcceptance: readonly string[] = ['node --test'];
