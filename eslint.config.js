// Lint rules, and the one-way imports between the rooms of the house (docs/architecture.md).
import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import globals from 'globals';
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** What each room may import from the others (itself is always allowed). */
const rooms = {
  messages: [],
  config: ['messages'],
  laws: ['messages'],
  data: ['messages'],
  ops: [],
  plan: ['ops', 'model'],
  model: ['ops', 'config'],
  training: ['plan', 'ops', 'model', 'laws', 'data', 'config', 'messages'],
  sweep: ['training', 'model', 'data', 'config', 'messages'],
  experiments: ['sweep', 'laws', 'model', 'data', 'config', 'messages'],
  ui: ['experiments', 'sweep', 'laws', 'model', 'data', 'config', 'messages', 'workers'],
  cli: ['experiments', 'sweep', 'laws', 'training', 'plan', 'ops', 'model', 'data', 'config', 'messages', 'workers'],
};

const walls = Object.entries(rooms).map(([room, allowed]) => {
  const forbidden = [...Object.keys(rooms), 'workers'].filter((other) => other !== room && !allowed.includes(other));
  return {
    files: [`src/${room}/**`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(src/)?(${forbidden.join('|')})/`,
              message: `src/${room} may import only: ${allowed.join(', ') || 'nothing'}.`,
            },
          ],
        },
      ],
    },
  };
});

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'public/', '.cache/', 'src/ops/simd/', '**/*.generated.*']),
  js.configs.recommended,
  ts.configs.recommendedTypeChecked,
  svelte.configs.recommended,
  {
    languageOptions: {
      globals: { ...globals.browser, ...globals.worker },
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js'] },
        extraFileExtensions: ['.svelte'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: { 'no-undef': 'off' },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  {
    // The linter sees `any` where a template's types are inferred from a component; svelte-check knows them, and checks.
    files: ['**/*.svelte'],
    rules: Object.fromEntries(
      ['argument', 'assignment', 'call', 'member-access', 'return'].map((what) => [`@typescript-eslint/no-unsafe-${what}`, 'off']),
    ),
  },
  {
    files: ['*.js', 'scripts/**'],
    extends: [ts.configs.disableTypeChecked],
    languageOptions: { globals: globals.node },
  },
  ...walls,
);
