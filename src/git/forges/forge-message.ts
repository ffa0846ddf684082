const MAX_CHARS = 400;

/**
 * What a forge says about a failure, in one line: GitHub has `message` and `errors`, GitLab a `message` that may be a text, a list or an
 * object of lists, or an `error`, Gitea a `message`. An answer that is no JSON (a proxy's page) is cut short.
 */
export function saidOf(body: string): string {
  const said = [...new Set(textsOf(parse(body)))].join('; ') || body;
  return said.replace(/\s+/g, ' ').trim().slice(0, MAX_CHARS) || 'nothing';
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  const fields = Object.entries(value).filter(([name]) => name !== 'documentation_url' && name !== 'url');
  return fields.flatMap(([name, field]) =>
    name === 'message' || name === 'error' || name === 'errors' || name === 'error_description'
      ? textsOf(field)
      : textsOf(field).map((text) => `${name}: ${text}`),
  );
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
