/** The Gitea that the tests of the project `forge` speak to; empty where there is none, and they are skipped. */
export const gitea = { url: process.env['GITEA_URL'] ?? '', token: process.env['GITEA_TOKEN'] ?? '' };

/** True where there is no Gitea to test against. */
export const hasNoGitea = gitea.url === '' || gitea.token === '';

/** One call of its API, as the owner of the token unless `authorization` says otherwise. */
export async function callGitea(
  method: string,
  path: string,
  body?: object,
  authorization: string = `token ${gitea.token}`,
) {
  const answer = await fetch(`${gitea.url}/api/v1${path}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? null : (JSON.parse(text) as ReturnType<typeof JSON.parse>);
}
