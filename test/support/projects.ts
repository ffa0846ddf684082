/** A small repository with a real bug: its own tests are red because of it. */
export interface Project {
  readonly files: Readonly<Record<string, string>>;
  /** What the sandbox must have for it. */
  readonly program: string;
  /** The command by which it tests itself. */
  readonly command: string;
  /** The part of its tests that the bug leaves green. */
  readonly sound: string;
  /** Shell: makes the tests green. */
  readonly repair: string;
  /** Shell: leaves the bug and breaks what was green. */
  readonly breakage: string;
}

/** One repository for each of three languages, with what the sandbox brings of them. */
export const projects = {
  npm: {
    files: {
      'package.json': '{"name": "sums", "type": "module", "scripts": {"test": "node --test"}}\n',
      'sums.js': 'export const add = (a, b) => a - b;\nexport const double = (a) => a * 2;\n',
      'test/add.test.js':
        "import { test } from 'node:test';\nimport assert from 'node:assert';\nimport { add } from '../sums.js';\ntest('adds', () => assert.equal(add(2, 3), 5));\n",
      'test/double.test.js':
        "import { test } from 'node:test';\nimport assert from 'node:assert';\nimport { double } from '../sums.js';\ntest('doubles', () => assert.equal(double(4), 8));\n",
    },
    program: 'npm',
    command: 'npm test',
    sound: 'node --test test/double.test.js',
    repair: "sed -i 's/a - b/a + b/' sums.js",
    breakage: "sed -i 's/a \\* 2/a * 3/' sums.js",
  },
  Python: {
    files: {
      'sums/__init__.py': 'def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a * 2\n',
      'tests/test_add.py':
        'import unittest\nfrom sums import add\n\n\nclass Add(unittest.TestCase):\n    def test_adds(self):\n        self.assertEqual(add(2, 3), 5)\n',
      'tests/test_double.py':
        'import unittest\nfrom sums import double\n\n\nclass Double(unittest.TestCase):\n    def test_doubles(self):\n        self.assertEqual(double(4), 8)\n',
      '.gitignore': '__pycache__/\n',
    },
    program: 'python3',
    command: 'python3 -m unittest discover -s tests',
    sound: 'python3 -m unittest discover -s tests -p test_double.py',
    repair: "sed -i 's/a - b/a + b/' sums/__init__.py",
    breakage: "sed -i 's/a \\* 2/a * 3/' sums/__init__.py",
  },
  Go: {
    files: {
      'go.mod': 'module example.test/sums\n\ngo 1.19\n',
      'add/add.go': 'package add\n\nfunc Add(a, b int) int { return a - b }\n',
      'add/add_test.go':
        'package add\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(2, 3) != 5 {\n\t\tt.Fatal("2 + 3 is not 5")\n\t}\n}\n',
      'double/double.go': 'package double\n\nfunc Double(a int) int { return a * 2 }\n',
      'double/double_test.go':
        'package double\n\nimport "testing"\n\nfunc TestDouble(t *testing.T) {\n\tif Double(4) != 8 {\n\t\tt.Fatal("twice 4 is not 8")\n\t}\n}\n',
    },
    program: 'go',
    command: 'go test ./...',
    sound: 'go test ./double',
    repair: "sed -i 's/a - b/a + b/' add/add.go",
    breakage: "sed -i 's/a \\* 2/a * 3/' double/double.go",
  },
} as const satisfies Record<string, Project>;
