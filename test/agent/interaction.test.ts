import { expect, test } from 'vitest';
import { isInteraction } from '../../src/agent/interaction.ts';
import { toolNames } from '../../src/domain/tools.ts';

test.each([
  'ask',
  'ask_user',
  'askUser',
  'ASK_USER',
  'ask-followup-question',
  'AskUserQuestion',
  'functions.ask_user',
  'question',
  'request_user_input',
  'requestUserInput',
  'get_human_input',
  'wait_for_user',
  'confirm',
  'clarify',
  'request_approval',
  'user_confirmation',
  'elicit',
  'prompt_user',
  'human',
])('a tool called %s reaches for a person', (name) => {
  expect(isInteraction(name)).toBe(true);
});

test.each([
  ...toolNames,
  'task',
  'web_search',
  'run_tests',
  'apply_patch',
  'user_agent',
  'create_user',
  'users',
  'input_schema',
  'mask_file',
  'subtask',
  'questionnaire_parser',
  'prompt_template',
])('a tool called %s does not', (name) => {
  expect(isInteraction(name)).toBe(false);
});

// Such a name cannot be told from a real attempt by looking at it; no tool of ours has one, so the run is stopped rather than waits.
test.each(['question_parser_test', 'confirm_order', 'task_approval'])(
  'a tool called %s is taken for an attempt, on the safe side',
  (name) => {
    expect(isInteraction(name)).toBe(true);
  },
);
