/** Something that the code must not do without. */
export interface Mutation {
  readonly what: string;
  readonly file: string;
  /** What is taken out, and what is put in its place; each must be there exactly once. */
  readonly replace: readonly (readonly [string, string])[];
  readonly cells: { readonly points: readonly string[]; readonly component: string };
  /** The law that must be found violated. */
  readonly law: string;
}

/** What the matrix must notice. */
export const mutations: readonly Mutation[] = [
  {
    what: 'fencing removed: an attempt that was overtaken may go on writing',
    file: 'src/store/fence.ts',
    replace: [["if (Number(row?.['epoch']) === epoch) return;", 'if (row !== undefined) return;']],
    cells: { points: ['after:stream', 'before:tree-written'], component: 'hung worker' },
    law: 'nobody writes but the attempt that claimed the session last',
  },
  {
    what: 'transaction split: each statement is committed by itself',
    file: 'src/store/database.ts',
    replace: [
      ["this.#db.exec('BEGIN IMMEDIATE');\n      try", 'try'],
      ["this.#db.exec('COMMIT');\n        return", 'return'],
    ],
    cells: { points: ['before:transaction-committed'], component: 'worker' },
    law: 'no turn is missing among them',
  },
];

/**
 * The code with a mutation in it.
 * @throws Error when the code has changed so that the mutation no longer applies
 */
export function mutated(code: string, { file, replace }: Mutation): string {
  return replace.reduce((text, [sound, broken]) => {
    if (text.split(sound).length !== 2) throw new Error(`${file} does not have this exactly once any more: ${sound}`);
    return text.replace(sound, () => broken);
  }, code);
}
