import type { ToolDefinition } from '@earendil-works/pi-coding-agent';
import type { Redactor } from '../../redaction/redactor.ts';

/** What a redactor leaves in place of a secret. */
const MARK = /\[redacted:[A-Za-z._-]+\]/;
const HINT =
  '\n[holdfast] A secret is shown as [redacted:…] here; the file has it as it is. Never write the mark into a file.';

/**
 * The tools, whose results enter the transcript without secrets. It is done here, before anything is recorded or shown to the model: so the
 * transcript is the same whichever attempt goes on with it. Files stay as they are, and a mark is not let into them.
 */
export function redactingTools(tools: readonly ToolDefinition[], redactor: Redactor): ToolDefinition[] {
  return tools.map((tool) => ({
    ...tool,
    execute: async (callId, args, ...rest) => {
      if ((tool.name === 'write' || tool.name === 'edit') && MARK.test(JSON.stringify(args)))
        throw new Error(
          'What stands as [redacted:…] in your view is something else in the file. Leave that part as it is.',
        );
      try {
        const result = await tool.execute(callId, args, ...rest);
        return { ...result, ...shown(result.content, redactor), details: redactor.json(result.details) };
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        const message = redactor.text(error.message);
        throw message === error.message ? error : new Error(message);
      }
    },
  }));
}

type Content = Awaited<ReturnType<ToolDefinition['execute']>>['content'];

/** Output may have been redacted as it came, before it was cut: then the mark is there already. */
function shown(content: Content, redactor: Redactor): { readonly content: Content } {
  const clean = redactor.json(content);
  const isMarked = clean.some((part) => part.type === 'text' && MARK.test(part.text));
  return { content: isMarked ? [...clean, { type: 'text', text: HINT.trim() }] : clean };
}
