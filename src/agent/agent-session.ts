import { InMemoryCredentialStore } from '@earendil-works/pi-ai';
import {
  createAgentSession,
  DefaultResourceLoader,
  ModelRuntime,
  SettingsManager,
  type AgentSession,
  type SessionManager,
  type ToolDefinition,
} from '@earendil-works/pi-coding-agent';
import { HoldfastError } from '../domain/failure.ts';
import type { ThinkingLevelName } from '../domain/model-spec.ts';
import type { ModelAccess } from '../model/provider.ts';
import { compactionSettings } from './compaction.ts';
import type { NoInteractionExtension } from './no-interaction-extension.ts';
import type { WatchExtension } from './watch-extension.ts';

/** A directory that is not there: pi looks for context files, extensions and settings in it and finds none. */
const NOWHERE = '/nonexistent/holdfast';

/** What an agent's session is made of. */
export interface AgentSessionParts {
  /** The work tree as the agent sees it. */
  readonly cwd: string;
  readonly access: ModelAccess;
  readonly thinkingLevel: ThinkingLevelName;
  readonly systemPrompt: string;
  /** The whitelist: these tools and no others. */
  readonly tools: readonly string[];
  readonly customTools: readonly ToolDefinition[];
  readonly noInteraction: NoInteractionExtension;
  readonly watch?: WatchExtension;
  readonly sessionManager: SessionManager;
}

/**
 * A pi session that depends on nothing but its arguments: no home directory, no AGENTS.md, no .pi, no environment, no telemetry,
 * no retries of its own, no requests besides those of its turns.
 * @throws HoldfastError INTERNAL when a tool or the guard is missing: pi leaves both out without a word.
 */
export async function openAgentSession(parts: AgentSessionParts): Promise<AgentSession> {
  const { access, cwd, noInteraction, sessionManager, systemPrompt, thinkingLevel, tools, customTools, watch } = parts;
  const settingsManager = SettingsManager.inMemory(
    {
      cacheWarming: 'off',
      compaction: compactionSettings(access.model.contextWindow),
      images: { autoResize: false },
      retry: { enabled: false, provider: { maxRetries: 0 } },
      enableInstallTelemetry: false,
    },
    { projectTrusted: false },
  );
  const resourceLoader = new DefaultResourceLoader({
    cwd: NOWHERE,
    agentDir: NOWHERE,
    settingsManager,
    extensionFactories: [noInteraction.extension, ...(watch === undefined ? [] : [watch.extension])],
    noExtensions: true,
    noSkills: true,
    noPromptTemplates: true,
    noThemes: true,
    noContextFiles: true,
    systemPromptOverride: () => systemPrompt,
    appendSystemPromptOverride: () => [],
    skillsOverride: () => ({ skills: [], diagnostics: [] }),
  });
  await resourceLoader.reload();
  const modelRuntime = await ModelRuntime.create({
    credentials: new InMemoryCredentialStore(),
    modelsPath: null,
    refreshOnCreate: false,
  });
  modelRuntime.registerNativeProvider(access.provider);
  const { session } = await createAgentSession({
    cwd,
    agentDir: NOWHERE,
    modelRuntime,
    model: access.model,
    // pi-agent-core's type does not name `off`, which it takes.
    thinkingLevel: thinkingLevel as Exclude<ThinkingLevelName, 'off'>,
    settingsManager,
    resourceLoader,
    sessionManager,
    tools: [...tools],
    customTools: [...customTools],
  });
  await session.bindExtensions({ mode: 'print', uiContext: noInteraction.userInterface });
  const loaded = noInteraction.loaded && (watch === undefined || watch.loaded);
  assertComplete(session, tools, loaded, resourceLoader.getExtensions().errors.length);
  return session;
}

function assertComplete(session: AgentSession, tools: readonly string[], loaded: boolean, errors: number): void {
  const active = session.getActiveToolNames();
  const missing = tools.filter((name) => !active.includes(name));
  const extra = active.filter((name) => !tools.includes(name));
  if (missing.length === 0 && extra.length === 0 && errors === 0 && loaded) return;
  const what = `tools missing: ${missing.join(', ') || 'none'}; not allowed: ${extra.join(', ') || 'none'}; extension errors: ${errors}`;
  throw new HoldfastError('INTERNAL', `pi did not take the session as it was given (${what}).`);
}
