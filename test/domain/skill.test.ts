import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkSkill, renderSkill, variablesIn, type Skill } from '../../src/domain/skill.ts';

const skillOf = (body: string, ...inputs: string[]): Skill => {
  const checked = checkSkill({ name: 's', description: 'd', required_inputs: inputs }, body);
  if ('faults' in checked) throw new Error(JSON.stringify(checked.faults));
  return checked.skill;
};

test('variables are filled in, with or without blanks, and escaped braces stay', () => {
  const skill = skillOf('{{a}} and {{ b }}, but \\{{a}}', 'a', 'b');
  expect(renderSkill(skill, { a: '1', b: '2' })).toBe('1 and 2, but {{a}}');
});

test('all missing inputs are named at once, blank ones and those the body does not use included', () => {
  const skill = skillOf('{{a}} {{b}}', 'a', 'b', 'c');
  expect(() => renderSkill(skill, { b: '  ' })).toThrow(
    expect.objectContaining({ code: 'PREFLIGHT_INCOMPLETE', message: 'The skill s needs inputs: a, b, c' }),
  );
});

test('a name that every object has is not an input', () => {
  expect(() => renderSkill(skillOf('{{constructor}}', 'constructor'), {})).toThrow(/constructor/);
});

test('a variable that is not declared is a fault, with its line', () => {
  const checked = checkSkill({ name: 's', description: 'd' }, 'one\ntwo {{ secrets.TOKEN }}\n');
  expect(checked).toMatchObject({
    faults: [{ line: 2, path: 'body', message: expect.stringContaining('secrets.TOKEN') }],
  });
});

test('values stand as they are, however much they look like variables or replacement patterns', () => {
  fc.assert(
    fc.property(
      fc
        .oneof(fc.string({ minLength: 1 }), fc.constantFrom('{{b}}', '$&', '$1', '\\{{a}}', '{{', '$$'))
        .filter((text) => text.trim() !== ''),
      (value) => {
        const rendered = renderSkill(skillOf('<{{a}}|{{b}}>', 'a', 'b'), { a: value, b: 'B' });
        expect(rendered).toBe(`<${value}|B>`);
      },
    ),
  );
});

test('a body without braces is rendered as it is', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const body = text.replaceAll('{', '(');
      expect(variablesIn(body)).toEqual([]);
      expect(renderSkill(skillOf(body), {})).toBe(body);
    }),
  );
});
