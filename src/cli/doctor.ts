import { execFileSync } from 'node:child_process';
import { findTemporalCli } from '../../scripts/setup/temporal-cli.mjs';
import { loadConfig } from '../config.ts';
import { createSandbox } from '../sandbox/create-sandbox.ts';
import { RefusedError, type HoldfastClient } from './client.ts';

interface Finding {
  readonly what: string;
  readonly good: boolean;
  readonly detail: string;
}

/** Looks at everything Holdfast needs on this machine, and at the server; answers whether all is well. */
export async function doctor(
  client: HoldfastClient,
  env: Readonly<Record<string, string | undefined>>,
  tell: (line: string) => void,
): Promise<boolean> {
  const findings = [
    node(),
    program('git', '--version', 'Install git.'),
    configuration(env),
    sandbox(env),
    temporalCli(env),
    ...(await server(client)),
  ];
  for (const { what, good, detail } of findings) tell(`${good ? 'ok  ' : 'FAIL'}  ${what}: ${detail}`);
  return findings.every(({ good }) => good);
}

function node(): Finding {
  const good = process.version.startsWith('v24.');
  return {
    what: 'Node',
    good,
    detail: good ? process.version : `${process.version}; Holdfast needs 24: run \`npm ci\`, or install it`,
  };
}

function program(name: string, flag: string, remedy: string): Finding {
  try {
    return { what: name, good: true, detail: execFileSync(name, [flag], { encoding: 'utf8' }).trim() };
  } catch {
    return { what: name, good: false, detail: `not found. ${remedy}` };
  }
}

function configuration(env: Readonly<Record<string, string | undefined>>): Finding {
  return attempt('configuration', () => {
    const { model, modelKey } = loadConfig(env);
    const key =
      modelKey.reveal() === undefined && model.provider !== 'scripted-demo'
        ? ', WITHOUT a key: sessions will pause'
        : '';
    return `model ${model.provider}/${model.id}${key}`;
  });
}

function sandbox(env: Readonly<Record<string, string | undefined>>): Finding {
  return attempt('sandbox', () => {
    const settings = loadConfig(env).sandbox;
    const made = createSandbox(settings);
    made.dispose();
    const walls =
      made.kind === 'off' ? 'OFF: commands of the agent are not isolated' : Object.values(made.enforcement).join('; ');
    const { toolchains } = settings;
    return toolchains.length === 0 ? walls : `${walls}; toolchains ${toolchains.join(', ')}`;
  });
}

function temporalCli(env: Readonly<Record<string, string | undefined>>): Finding {
  const address = env['TEMPORAL_ADDRESS'];
  if (address) return { what: 'Temporal', good: true, detail: `server ${address}` };
  const cli = findTemporalCli(env);
  return {
    what: 'Temporal CLI',
    good: cli !== null,
    detail: cli ?? 'not found. Run `node scripts/setup.mjs`, or set TEMPORAL_ADDRESS',
  };
}

async function server(client: HoldfastClient): Promise<Finding[]> {
  const what = `server ${client.url}`;
  try {
    const { version } = await client.call<{ version: string }>('GET', '/healthz');
    await client.call('GET', '/readyz');
    await client.call('GET', '/api/sessions?limit=1'); // The two above need no key.
    return [{ what, good: true, detail: `version ${version}; Temporal and records answer` }];
  } catch (error) {
    const remedy = error instanceof RefusedError ? ` ${error.refusal.remedy}` : '';
    return [{ what, good: false, detail: `${error instanceof Error ? error.message : String(error)}${remedy}` }];
  }
}

function attempt(what: string, work: () => string): Finding {
  try {
    return { what, good: true, detail: work() };
  } catch (error) {
    const remedy = error instanceof Error && 'remedy' in error ? ` ${String(error.remedy)}` : '';
    return { what, good: false, detail: `${error instanceof Error ? error.message : String(error)}${remedy}` };
  }
}
