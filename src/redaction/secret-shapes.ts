/** A kind of secret that can be told by its shape. */
export interface SecretShape {
  readonly name: string;
  /** Three characters that every such secret begins with (its pattern then matches from there on); one of them. */
  readonly anchors: readonly string[];
  /** Every part is bounded, so that nothing of this shape is longer than {@link LONGEST_SHAPE}. What is in its group is redacted, or all. */
  readonly pattern: string;
  readonly ignoreCase?: boolean;
}

/** No secret of a known shape is longer, in characters. */
export const LONGEST_SHAPE = 20 * 1024;

/** Not in the middle of a word: `disk-…` is no key. */
const START = String.raw`(?<![A-Za-z0-9_-])`;
/** Passwords of examples and of databases for tests: everybody knows them, and files that hold them must stay readable. */
const KNOWN = '(?:password|passwd|pass|secret|postgres|mysql|root|admin|guest|user|test|example|changeme)';
const USERINFO = String.raw`[^\s/?#@"'<>\\\[\]{}()|:]{1,256}`;

/**
 * What services document of their tokens: GitHub and GitLab ("token prefixes"), Slack ("token types"), AWS ("unique identifiers"), the
 * model providers' key pages, npm, PyPI, Stripe, SendGrid, Google; PEM (RFC 7468), JWT (RFC 7519), user info in URLs (RFC 3986 §3.2.1),
 * Authorization headers (RFC 9110 §11.6.2), secrets of Standard Webhooks.
 */
export const secretShapes: readonly SecretShape[] = [
  shape('github-token', ['ghp', 'gho', 'ghu', 'ghs', 'ghr'], String.raw`gh[pousr]_[A-Za-z0-9]{36,255}`),
  shape('github-token', ['git'], String.raw`github_pat_[A-Za-z0-9_]{22,255}`),
  shape(
    'gitlab-token',
    ['glp', 'gld', 'glr', 'glc', 'glf', 'gls', 'gli', 'gla', 'glo'],
    String.raw`gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas|ffct)-[A-Za-z0-9_-]{20,255}`,
  ),
  shape('slack-token', ['xox'], String.raw`xox[abceoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,255}`),
  shape('slack-token', ['xap'], String.raw`xapp-[0-9]-[A-Za-z0-9-]{10,255}`),
  shape(
    'slack-webhook',
    ['hoo'],
    String.raw`hooks\.slack\.com/services/([A-Za-z0-9]{5,32}/[A-Za-z0-9]{5,32}/[A-Za-z0-9]{16,64})`,
  ),
  shape('aws-key', ['AKI', 'ASI', 'ABI', 'ACC'], String.raw`(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])`),
  {
    ...shape(
      'aws-secret',
      ['aws', 'AWS', 'sec', 'Sec', 'SEC'],
      String.raw`(?:aws_?)?secret_?(?:access_?)?key["']?\s{0,8}[:=]\s{0,8}["']?([A-Za-z0-9/+=]{40})(?![A-Za-z0-9/+=])`,
    ),
    ignoreCase: true,
  },
  shape('provider-key', ['sk-'], String.raw`sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{20,255}`),
  shape('provider-key', ['gsk', 'xai'], String.raw`(?:gsk_|xai-)[A-Za-z0-9]{20,255}`),
  shape('provider-key', ['AIz'], String.raw`AIza[A-Za-z0-9_-]{35}`),
  shape('provider-key', ['hf_'], String.raw`hf_[A-Za-z0-9]{30,255}`),
  shape('stripe-key', ['sk_', 'rk_'], String.raw`[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}`),
  shape('npm-token', ['npm'], String.raw`npm_[A-Za-z0-9]{36}`),
  shape('pypi-token', ['pyp'], String.raw`pypi-[A-Za-z0-9_-]{50,512}`),
  shape('sendgrid-key', ['SG.'], String.raw`SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}`),
  shape('webhook-secret', ['whs'], String.raw`whsec_[A-Za-z0-9+/]{24,128}={0,2}`),
  shape('jwt', ['eyJ'], String.raw`eyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,8192}\.[A-Za-z0-9_-]{8,2048}`),
  {
    name: 'private-key',
    anchors: ['---'],
    // The block may be a line of JSON, quoted in a diff, or cut off before its end.
    pattern: String.raw`-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?:[^-"'${'`'}<>]|-(?!----)){32,16384}(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?`,
  },
  { name: 'url-credentials', anchors: ['://'], pattern: String.raw`://(${USERINFO}:(?!${KNOWN}@)${USERINFO})(?=@)` },
  { name: 'url-credentials', anchors: ['://'], pattern: String.raw`(?<=https?)://([A-Za-z0-9_.~%+-]{20,256})(?=@)` },
  {
    name: 'authorization',
    anchors: ['uth', 'UTH'],
    pattern: String.raw`uthorization["']?\s{0,8}[:=]\s{0,8}["']?(?:basic|bearer|token)\s{1,8}([A-Za-z0-9+/_.~=-]{8,4096})`,
    ignoreCase: true,
  },
];

function shape(name: string, anchors: readonly string[], pattern: string): SecretShape {
  return { name, anchors, pattern: START + pattern };
}
