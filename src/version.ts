import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};

/** The version of Holdfast, as package.json has it. */
export const holdfastVersion = manifest.version;

/** The version of pi that runs the agent; pinned exactly. */
export const piVersion = manifest.dependencies['@earendil-works/pi-coding-agent'] ?? 'unknown';
