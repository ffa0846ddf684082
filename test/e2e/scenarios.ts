/** What the scripted model does in the end-to-end tests; the model id of a session names its scenario. */
import { delegating } from '../support/delegation.ts';
import { harmlessContract, type Scenario, type Turn } from '../support/scripted-model/scenario.ts';

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'It is done.' } }] };

/** The plan of the scenario `plans`. */
const planned = (first: string, second: string): Turn => ({
  tools: [
    {
      name: 'plan',
      args: {
        steps: [
          { title: 'Write first', status: first },
          { title: 'Write second', status: second },
        ],
      },
    },
  ],
});

/** The number of commands of the scenario `lines`. */
export const LINES = 8;

/** Each command appends its number: afterwards the file tells what was executed, and how often. */
const numbered = Array.from({ length: LINES }, (_, index) => bash(`echo ${index} >> lines.txt; sleep 0.1`));

const question = {
  id: 'q1',
  question: 'Which directory is meant?',
  why: 'There are several.',
  default: null,
  input: null,
};

const lines: Scenario = { turns: [...numbered, submit], ttftMs: 80 };

const asking: Scenario['contract'] = (conversation) => ({
  ...harmlessContract(conversation),
  missingInformation: ['Target directory not specified'],
  questions: [question],
});

export const scenarios: Readonly<Record<string, Scenario>> = {
  lines,
  /** The same under names of their own, for tests that run at once and count requests or plan faults. */
  'lines-paused': lines,
  'lines-troubled': lines,
  'lines-hang-worker': lines,
  'lines-hang-api': lines,
  'lines-finished': lines,
  /** Counts turns in a file until it is told a colour, or to the end. */
  colours: {
    turns: ({ turn, userMessages, lastResults }) => {
      const [, colour] = /Paint it (\w+)\./.exec(userMessages.at(-1) ?? '') ?? [];
      const painted = userMessages.length > 1 && colour !== undefined;
      if (!painted) return turn < LINES ? bash(`echo ${turn} >> turns.txt; sleep 0.1`) : submit;
      return lastResults.includes('painted\n') ? submit : bash(`echo ${colour} > colour.txt; echo painted`);
    },
    ttftMs: 80,
  },
  /** Writes who it is for, so that sessions that ran at once can be told apart. */
  marked: {
    turns: ({ turn, userMessages }) => {
      const mark = /mark (\w+)/.exec(userMessages[0] ?? '')?.[1] ?? 'none';
      return turn < 4 ? bash(`echo ${mark} >> mark.txt; ls`) : submit;
    },
    ttftMs: 50,
  },
  /** One command, and then one reply, that take longer than a worker that is told to stop will wait. */
  'long-command': {
    turns: [bash('echo 0 >> lines.txt; touch running; sleep 5; echo 1 >> lines.txt; rm running'), submit],
  },
  'long-reply': {
    turns: [bash('echo 0 >> lines.txt'), { ...bash('echo 1 >> lines.txt'), text: 'long '.repeat(400) }, submit],
    pieceMs: 100,
  },
  /** A provider that is there and takes its time: for the contract, and for the second reply. */
  'slow-contract': { turns: [submit], ttftMs: 90_000 },
  'slow-reply': {
    turns: [bash('echo 0 >> lines.txt'), { text: 'slow '.repeat(10_000) }],
    pieceMs: 100,
    pieceChars: 10,
  },
  /** A command whose processes do all they can to outlive it; their name is the mark. */
  offspring: {
    turns: ({ turn, userMessages }) => {
      const nap = `sleep 99${/mark (\d+)/.exec(userMessages[0] ?? '')?.[1] ?? '000'}`;
      if (turn === 0) return bash('echo kept > kept.txt');
      if (turn > 1) return submit;
      return bash(
        `setsid ${nap} & nohup ${nap} & (${nap} &) ; (setsid sh -c '${nap} & exec ${nap}' &) ; echo lost > lost.txt; sleep 60`,
      );
    },
  },
  asks: {
    contract: asking,
    turns: ({ turn, userMessages }) => {
      const answer = /Which directory is meant\?\n\s*(\w+)/.exec(userMessages[0] ?? '')?.[1] ?? 'nowhere';
      return turn === 0 ? bash(`mkdir -p ${answer} && echo done > ${answer}/file.txt`) : submit;
    },
  },
  'asks-lines': { ...lines, contract: asking },
  'ask-user': {
    turns: [
      bash('echo first > before.txt'),
      {
        tools: [
          { name: 'bash', args: { command: 'echo never > after.txt' } },
          { name: 'ask_user', args: { question: 'Which one?' } },
        ],
      },
      submit,
    ],
  },
  'ask-variant': { turns: [{ tools: [{ name: 'AskUserQuestion', args: { questions: ['Which one?'] } }] }, submit] },
  'last-words': {
    turns: ({ turn, userMessages }) => {
      if (userMessages.some((text) => text.includes('Hand it in.'))) return submit;
      return turn === 0 ? bash('echo some > work.txt') : { text: 'Shall I go on?' };
    },
  },
  blocked: {
    turns: [bash('echo some > work.txt'), { tools: [{ name: 'report_blocked', args: { reason: 'no way' } }] }],
  },
  /** The walk of the README. */
  readme: {
    turns: ({ turn, userMessages }) => {
      const greeting = /- greeting: (.*)/.exec(userMessages[0] ?? '')?.[1] ?? 'nothing';
      return turn === 0 ? bash(`echo ${greeting} > hello.txt`) : submit;
    },
  },
  /** Hands parts of its work to sub-agents, with the tool that a skill must grant. */
  delegates: { ...delegating, ttftMs: 100 },
  /** Runs the commands that the prompt (or a comment that it quotes) names in lines `0$ …`, hands in, and after a red round n goes on with those of `n$ …`. */
  follows: {
    turns: ({ turn, userMessages: [prompt = '', ...later] }) => {
      const told = later.filter((text) => text.includes('Verification round')).length;
      const rounds = Array.from({ length: told + 1 }, (_, round) => [
        ...[...prompt.matchAll(new RegExp(`^(?:> )?${round}\\$ (.*)$`, 'gm'))].map(([, command = '']) => bash(command)),
        submit,
      ]);
      return rounds.flat()[turn] ?? submit;
    },
  },
  /** Keeps a plan of two steps. */
  plans: {
    turns: [
      planned('in_progress', 'pending'),
      bash('echo first > first.txt'),
      planned('done', 'in_progress'),
      bash('echo second > second.txt'),
      planned('done', 'done'),
      submit,
    ],
  },
  /** Does what the documentation of a takeover leaves to do. */
  finishes: { turns: [bash('echo good > b.txt'), submit] },
  /** Reaches for the host that its task names, and for one that it does not. */
  egress: {
    turns: ({ turn, userMessages }) => {
      const port = /port (\d+)/.exec(userMessages[0] ?? '')?.[1] ?? '0';
      const curl = (path: string) => `curl -sS --noproxy '' http://localhost:${port}/${path} >> answers.txt`;
      return turn === 0 ? bash(`${curl('agent')}; curl -sS http://elsewhere.test/ >> answers.txt`) : submit;
    },
  },
  endless: { turns: ({ turn }) => bash(`echo ${turn} >> turns.txt`), ttftMs: 50 },
  /** Makes the check red first and green when the evidence has come back. */
  repairs: {
    turns: ({ turn, userMessages }) => {
      const told = userMessages.some((text) => text.includes('Verification round 1'));
      if (told) return turn < 3 ? bash('echo good > state.txt') : submit;
      return turn === 0 ? bash('echo bad > state.txt') : submit;
    },
  },
};
