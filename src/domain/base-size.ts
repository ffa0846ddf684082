import * as z from 'zod';
import type { Finding } from './assessment.ts';

/** A repository within the repository, as the base commit pins it. */
export const Submodule = z.strictObject({
  /** Relative to the root of the work tree, also of one within another. */
  path: z.string(),
  /** Where it is fetched from; null for one that is not fetched and of which .gitmodules says nothing of use. */
  url: z.string().nullable(),
  commit: z.string(),
});
export type Submodule = z.infer<typeof Submodule>;

/** How large the base is that a session starts from, and what of it lies elsewhere. Sizes are bytes of content. */
export const BaseSize = z.strictObject({
  /** Of the work tree, everything that was fetched included. */
  files: z.int(),
  bytes: z.int(),
  /** Absent where there is none. Of those that are not fetched, only the outer ones are known, and only the first are named. */
  submodules: z
    .strictObject({ count: z.int(), isFetched: z.boolean(), bytes: z.int(), named: z.array(Submodule) })
    .optional(),
  /** Files whose content Git LFS keeps elsewhere; absent where there is none. */
  lfs: z.strictObject({ files: z.int(), bytes: z.int(), isFetched: z.boolean() }).optional(),
});
/** What was fetched beside the commit of a base. */
export const Fetched = z.strictObject({
  submodules: z.array(Submodule),
  /** Of Git LFS, those of submodules included. */
  lfs: z.strictObject({ files: z.int(), bytes: z.int() }),
});
export type Fetched = z.infer<typeof Fetched>;

export type BaseSize = z.infer<typeof BaseSize>;

const MAX_TOLD = 5;

/** What the contract says of the parts of a base that lie elsewhere: proven where they were fetched, told where they were not. */
export function contentFindings({ submodules, lfs }: BaseSize): Finding[] {
  const findings: Finding[] = [];
  if (submodules !== undefined) {
    const { bytes, count, isFetched, named } = submodules;
    const told = named.slice(0, MAX_TOLD).map(({ path, commit }) => `${path} at ${commit.slice(0, 12)}`);
    const list = `${told.join(', ')}${count > told.length ? ' and more' : ''}`;
    const evidence = isFetched
      ? `${count} fetched, ${inUnits(bytes)}, as inputs that are not delivered: ${list}`
      : `${count} not fetched, their directories are empty: ${list}; set source.submodules to true in a new request to have them`;
    findings.push({ kind: 'content', name: 'submodules', confirmed: isFetched, evidence });
  }
  if (lfs !== undefined) {
    const evidence = lfs.isFetched
      ? `${lfs.files} files of Git LFS fetched, ${inUnits(lfs.bytes)}`
      : `${lfs.files} files of Git LFS are not fetched (${inUnits(lfs.bytes)}): the work tree has their pointers; set source.lfs to true in a new request to have them`;
    findings.push({ kind: 'content', name: 'lfs', confirmed: lfs.isFetched, evidence });
  }
  return findings;
}

function inUnits(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}
