import fc from 'fast-check';
import { expect, test } from 'vitest';
import { subAgentTools } from '../../src/domain/sub-agent.ts';
import { toolNames, whitelistFor } from '../../src/domain/tools.ts';

test('whatever a call names, a sub-agent gets nothing that its parent has not, no task and no plan, and both ends', () => {
  const names = fc.uniqueArray(fc.oneof(fc.constantFrom(...toolNames), fc.constantFrom('fly', 'ask_user')));
  fc.assert(
    fc.property(names, fc.option(names, { nil: undefined }), (skill, wanted) => {
      const parent = whitelistFor(skill, []);
      const given = subAgentTools(parent, wanted);
      const allowed = parent.filter((name) => name !== 'task' && name !== 'plan') as readonly string[];
      const surplus = (wanted ?? []).filter((name) => !allowed.includes(name));
      if ('refused' in given) expect(given).toEqual({ refused: surplus, allowed });
      else {
        expect(surplus).toEqual([]);
        expect(allowed).toEqual(expect.arrayContaining([...given.tools]));
        expect(given.tools).toEqual(
          expect.arrayContaining(['submit_result', 'report_blocked', ...(wanted ?? allowed)]),
        );
      }
    }),
  );
});
