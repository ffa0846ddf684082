import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SessionRecord } from '../../src/store/sessions.ts';
import { isAnnounced } from '../../src/domain/events.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { until } from '../support/holdfast.ts';
import { startFakeForge, type FakeForge } from '../support/forges/fake-forge.ts';
import { startOutsideCounter, type OutsideCounter } from '../support/outside-counter.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { violations, type Evidence } from './invariants.ts';
import { leftoversOf, processesAt } from './leftovers.ts';
import { Rendezvous } from './rendezvous.ts';
import { CHECK, FILE, pathOf, promptOf, REQUESTS, type ScenarioName } from './scenario.ts';

/** How long a session that nobody disturbs any more may take to its end, and from there until nothing is left of it. */
const patience = { endMs: 120_000, settleMs: 90_000 };

/** A session under test. Its name is its label, its repository and its model key. */
export interface Trial {
  readonly name: string;
  readonly scenario: ScenarioName;
  readonly sessionId: string;
  /** Kills before it was created. */
  readonly killsBefore: number;
}

/** A Holdfast to be killed, and all that is needed to tell whether its sessions came through. */
export class Ground {
  readonly setting: Setting;
  readonly rendezvous: Rendezvous;
  /** What commands may reach outside of their sandbox. */
  readonly witness: OutsideCounter;
  /** The records, looked at from behind: whatever is killed, they answer. */
  readonly store: Store;
  /** Every process of Holdfast that was ever seen. */
  readonly pids = new Set<number>();
  /** What workers that have been stopped already left behind. */
  readonly left: string[] = [];
  /** The forge of each trial, by its name: nobody kills them. */
  readonly #forges = new Map<string, FakeForge>();
  #closed: Promise<string[]> | null = null;
  readonly #kills: { readonly what: string; readonly at: number }[] = [];
  /** The tree of the undisturbed run. */
  #tree: string | null = null;

  private constructor(setting: Setting, rendezvous: Rendezvous, witness: OutsideCounter) {
    this.setting = setting;
    this.witness = witness;
    this.rendezvous = rendezvous;
    this.store = openStore({ directory: join(setting.holdfast.dataDir, 'sessions') });
  }

  /**
   * Starts everything, and lets one session run undisturbed.
   * @param checkout where Holdfast's own code is taken from; default: this checkout.
   * @throws Error when that session does not come through.
   */
  static async start(checkout?: string): Promise<Ground> {
    const rendezvous = await Rendezvous.start();
    const witness = await startOutsideCounter();
    const env = {
      TURNS_PER_CHUNK: '3',
      MODEL_BACKOFF_MS: '100',
      TEST_FAULT_POINTS: rendezvous.url,
      HANG_MS: '600000',
      EGRESS_PRIVATE_NETWORKS: '127.0.0.0/8,::1/128',
    };
    const scenarios = join(import.meta.dirname, 'scenario.ts');
    const setting = await startSetting(env, { scenarios, anyKey: true, checkout });
    const ground = new Ground(setting, rendezvous, witness);
    const trial = await ground.begin('undisturbed');
    const found = await ground.judge(trial);
    if (found.length > 0) {
      const story = ground.storyOf(trial);
      await ground.close();
      throw new Error(`The undisturbed run is not whole:\n${found.join('\n')}\n${story}`);
    }
    ground.#tree = (await ground.#named('undisturbed'))[0]?.result?.tree ?? null;
    return ground;
  }

  /** Creates a session as a careful caller does: with an Idempotency-Key, again and again until it is answered. */
  async begin(name: string, scenario: ScenarioName = 'numbered'): Promise<Trial> {
    const { git, holdfast, request } = this.setting;
    const killsBefore = this.kills;
    const repository = repositoryOf(name);
    const repoUrl = await git.createRepository(repository, { 'README.md': '# numbers\n' });
    const forge = await startFakeForge('gitea', { token: canaries.gitToken, repository });
    this.#forges.set(name, forge);
    inRepository(git.pathOf(repository), 'config', 'core.logAllRefUpdates', 'always');
    const model = { id: scenario, apiKey: keyOf(name) };
    const { port } = this.witness;
    const outside = { egress: [`localhost:${port}`], userPrompt: promptOf(name, port) };
    const delivery = { delivery: 'pull_request', forge: { kind: 'gitea', baseUrl: forge.url } };
    const changes = { model, labels: [name], acceptance: [CHECK], ...delivery, ...(scenario === 'outside' && outside) };
    const body = request(scenario, repoUrl, changes);
    for (;;) {
      const call = holdfast.call('POST', '/api/sessions', body, { 'idempotency-key': name });
      const answer = await call.catch(() => null);
      if (answer?.status === 201) return { name, scenario, sessionId: String(answer.body.data.sessionId), killsBefore };
      if (answer !== null && answer.status < 500) throw new Error(`create: ${JSON.stringify(answer.body)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The name of a session's trial. */
  async nameOf(sessionId: string): Promise<string | undefined> {
    return (await this.store.sessions.find(sessionId))?.task.labels[0];
  }

  /**
   * Waits for the end of a session, however it ends.
   * @throws Error when it does not end in time
   */
  async ended({ sessionId }: Trial, endMs = patience.endMs): Promise<void> {
    const state = async () => (await this.store.sessions.get(sessionId)).state;
    await until(async () => ['COMPLETE', 'FAILED', 'PAUSED'].includes(await state()), endMs);
  }

  /** Waits, not for ever, for the end of a session and judges it by all laws; what it violates is answered in words. */
  async judge(trial: Trial, { endMs, settleMs } = patience): Promise<string[]> {
    if (!(await holds(this.ended(trial, endMs)))) {
      return [`not ended within ${endMs} ms: ${(await this.store.sessions.get(trial.sessionId)).state}`];
    }
    // What follows the end follows soon: the clean-up, and the last webhooks.
    await holds(until(async () => (await this.#unsettled(trial)).length === 0, settleMs));
    return violations(await this.#evidence(trial));
  }

  get kills(): number {
    return this.#kills.length;
  }

  /** Counts a kill that is about to come, and notes the processes that run now. */
  noteKill(what: string): void {
    this.#kills.push({ what, at: Date.now() });
    this.#notePids();
  }

  /** What happened to a session and around it, line by line, for finding out why it is red. */
  storyOf({ sessionId }: Trial): string {
    const hits = this.rendezvous.hitsOf(sessionId);
    const first = hits[0]?.at ?? 0;
    const told = [
      ...hits.map(({ at, point, ordinal, pid, process }) => ({ at, what: `${point} #${ordinal} ${process} ${pid}` })),
      ...this.#kills.filter(({ at }) => at >= first).map(({ at, what }) => ({ at, what: `KILL ${what}` })),
    ];
    const lines = told.toSorted((a, b) => a.at - b.at).map(({ at, what }) => `  ${at - first} ms ${what}`);
    const log = this.setting.holdfast.log().split('\n').slice(-60);
    return [...lines, '  log:', ...log.map((line) => `  ${line}`)].join('\n');
  }

  #notePids(): void {
    for (const name of ['main', 'worker', 'api', 'temporal'] as const) this.pids.add(this.setting.holdfast.pid(name));
  }

  /** Stops everything, once, and answers what is left, in words. */
  close(): Promise<string[]> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<string[]> {
    const { holdfast } = this.setting;
    await this.rendezvous.close();
    await holdfast.drain();
    for (const forge of this.#forges.values()) await forge.close();
    this.store.close();
    const left = [...this.left, ...leftoversOf(holdfast.dataDir, this.pids)];
    await this.setting.stop();
    await this.witness.close();
    return left;
  }

  #named(name: string): Promise<SessionRecord[]> {
    return this.store.sessions.list({ tenant: 'default', label: name, limit: 10 });
  }

  /** What is on the machine, or on its way, that should not be for long. */
  async #unsettled({ sessionId }: Trial): Promise<string[]> {
    const { holdfast } = this.setting;
    const directory = join(holdfast.dataDir, 'work', sessionId);
    const deliveries = await this.store.deliveries.ofSession(sessionId);
    const delivered = deliveries.filter(({ state }) => state === 'delivered').map(({ eventId }) => eventId);
    const events = (await this.store.events.list(sessionId)).filter(({ type }) => isAnnounced(type));
    return [
      ...processesAt(directory),
      ...[directory, `${directory}.new`].filter((path) => existsSync(path)).map((path) => `directory ${path}`),
      ...events.filter(({ id }) => !delivered.includes(id)).map(({ id }) => `webhook ${id} is not delivered`),
    ];
  }

  async #evidence(trial: Trial): Promise<Evidence> {
    const { sessionId, name, scenario, killsBefore } = trial;
    const { events, journal, sessions } = this.store;
    const { git, model, webhooks } = this.setting;
    const session = await sessions.get(sessionId);
    const { branch } = session.task;
    const key = createHash('sha256').update(keyOf(name)).digest('hex');
    const repository = repositoryOf(name);
    const log = join(git.pathOf(repository), 'logs', 'refs', 'heads', branch);
    return {
      session,
      sessions: (await this.#named(name)).length,
      events: await events.list(sessionId),
      transcript: await journal.transcript(sessionId),
      latest: await journal.latest(sessionId),
      requests: (await model.journal()).filter(({ keySha256 }) => keySha256 === key),
      webhooks: webhooks.received.filter(({ payload }) => payload.session_id === sessionId),
      hits: this.rendezvous.hitsOf(sessionId),
      kills: this.kills - killsBefore,
      tree: this.#tree,
      remote: {
        sha: this.setting.remoteSha(repository, branch),
        content: this.setting.fileAt(repository, branch, FILE),
        updates: existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').length : 0,
        commits: commitsIn(git.pathOf(repository)) - 1,
      },
      forge: {
        requests: this.#forges.get(name)?.state.requests ?? [],
        comments: this.#forges.get(name)?.state.comments ?? [],
      },
      requested: Array.from({ length: scenario === 'outside' ? REQUESTS : 0 }, (_, index) =>
        this.witness.count(pathOf(name, index)),
      ),
      leftovers: await this.#unsettled(trial),
    };
  }
}

/** Requests are opened in repositories that have an owner. */
function repositoryOf(name: string): string {
  return `trials/${name}`;
}

/** Each session pays with a key of its own, by which its requests are told apart. */
function keyOf(name: string): string {
  return `key-of-${name.replaceAll(/[^a-z0-9-]/gi, '-')}`;
}

function commitsIn(repository: string): number {
  const objects = inRepository(repository, 'cat-file', '--batch-all-objects', '--batch-check').split('\n');
  return objects.filter((line) => / commit /.test(line)).length;
}

function inRepository(repository: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'safe.directory=*', '--git-dir', repository, ...args], { encoding: 'utf8' });
}

function holds(waiting: Promise<void>): Promise<boolean> {
  return waiting.then(
    () => true,
    () => false,
  );
}
