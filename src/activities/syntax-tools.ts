import { shellQuoted } from './shell-quoted.ts';

/** A program that reads a file without running it, and says whether its syntax is sound. */
export interface SyntaxTool {
  readonly name: string;
  readonly files: RegExp;
  /** Shell: true where the program is there and can read such files. */
  readonly present: string;
  /** Shell: fails for a file `$1` whose syntax is not sound; what it prints is the message. Exit code 3: it cannot tell. */
  readonly check: string;
}

const json = `const text = fs.readFileSync(process.argv[1], "utf8").replace(/^\\uFEFF/, "");
try { JSON.parse(text); } catch (error) {
  console.log(error.message); process.exit(/^\\s*\\/[/*]|[,{[]\\s*\\/[/*]/m.test(text) ? 3 : 1); // Comments: another format of that name.
}`;
const typescript = `const { stripTypeScriptTypes } = process.getBuiltinModule("node:module");
process.removeAllListeners("warning");
try { stripTypeScriptTypes(fs.readFileSync(process.argv[1], "utf8"), { mode: "transform" }); }
catch (error) { if (error.code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") process.exit(3); console.log(error.message); process.exit(1); }`;
const python = `import sys
try: compile(open(sys.argv[1], "rb").read(), sys.argv[1], "exec", dont_inherit=True)
except (SyntaxError, ValueError) as error: sys.exit(str(error))`;
const pythonLoad = (library: string, load: string): string => `import sys, ${library}
try: ${load}
except Exception as error: sys.exit(str(error))`;
const yaml = pythonLoad('yaml', 'list(yaml.parse(open(sys.argv[1], "rb"), Loader=yaml.SafeLoader))');
const toml = pythonLoad('tomllib', 'tomllib.load(open(sys.argv[1], "rb"))');

/** After a check: a file that matches cannot be judged by it. */
const unless = (pattern: string): string =>
  `; code=$?; [ $code != 1 ] && exit $code; grep -qE '${pattern}' "$1" && exit 3; exit 1`;
const unlessTemplate = unless('[{][{%]');

/** The tools, each by itself; the first whose `files` match a path is the one that reads it. */
export const syntaxTools: readonly SyntaxTool[] = [
  {
    name: 'node --check',
    files: /\.[cm]?js$/,
    present: 'command -v node',
    // What only a transpiler can read (JSX, Flow) is no fault of its syntax.
    // Without its name Node is told which kind it is: by the name alone Node 20 lets every fault of a module in a .js file pass.
    check: `case "$1" in *.cjs) kind= ;; *.mjs) kind=module ;; *) grep -qE '^(import|export)\\b' "$1" && kind=module || kind= ;; esac
      if [ "$kind" = module ]; then node --input-type=module --check - < "$1"; else node --check "$1"; fi${unless('@flow|</[A-Za-z>]|/>')}`,
  },
  {
    name: 'node (TypeScript)',
    files: /\.[cm]?ts$/,
    present: `node -e 'process.exit(process.getBuiltinModule?.("node:module").stripTypeScriptTypes ? 0 : 1)'`,
    check: `node --no-warnings -e ${shellQuoted(typescript)} "$1"`,
  },
  {
    name: 'node (JSON)',
    files: /\.json$/,
    present: 'command -v node',
    check: `node -e ${shellQuoted(json)} "$1"${unlessTemplate}`,
  },
  {
    name: 'python3',
    files: /\.pyi?$/,
    present: 'command -v python3',
    check: `python3 -I -c ${shellQuoted(python)} "$1"`,
  },
  {
    name: 'python3 (YAML)',
    files: /\.ya?ml$/,
    present: "python3 -I -c 'import yaml'",
    check: `python3 -I -c ${shellQuoted(yaml)} "$1"${unlessTemplate}`,
  },
  {
    name: 'python3 (TOML)',
    files: /\.toml$/,
    present: "python3 -I -c 'import tomllib'",
    check: `python3 -I -c ${shellQuoted(toml)} "$1"${unlessTemplate}`,
  },
  { name: 'gofmt -e', files: /\.go$/, present: 'command -v gofmt', check: 'gofmt -e "$1" 2>&1 >/dev/null' },
  { name: 'bash -n', files: /\.(ba)?sh$/, present: 'command -v bash', check: 'bash -n "$1"' },
  { name: 'ruby -c', files: /\.rb$/, present: 'command -v ruby', check: 'ruby -c "$1"' },
  { name: 'php -l', files: /\.php$/, present: 'command -v php', check: 'php -n -l "$1"' },
];

/** Exit code by which {@link syntaxScript} says that the tool is not there. */
export const TOOL_ABSENT = 4;

/**
 * Reads paths from stdin, each ended by NUL, and writes for each: `ok`, `bad` or `unknown`, the path, a message; each ended by NUL.
 * Nothing is written for what is no file of its own.
 */
export function syntaxScript({ present, check }: SyntaxTool): string {
  return `( ${present} ) >/dev/null 2>&1 || exit ${TOOL_ABSENT}
check() ( ${check} )
while IFS= read -r -d '' path; do
  [ -f "$path" ] && [ ! -L "$path" ] || continue
  message=$(check "./$path" 2>&1 </dev/null | head -c 2000; exit "\${PIPESTATUS[0]}"); code=$?
  case $code in 0) state=ok ;; 3) state=unknown ;; *) state=bad ;; esac
  printf '%s\\0%s\\0%s\\0' "$state" "$path" "$message"
done`;
}
