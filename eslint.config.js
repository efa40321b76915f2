import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import svelte from 'eslint-plugin-svelte';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** Files used only by tests. */
const TESTS = ['**/*.test.ts', 'tests/**', 'src/**/stage.ts', 'src/**/*-process.ts'];

/**
 * Imports run one way: routes → features → app → sse → delivery → log → database, and in the browser features → client. All
 * may use protocol, which uses nothing. A zone says what a folder of src/lib may import from src besides itself.
 */
const zone = (folder, allowed, message) => ({
	target: path(folder),
	from: path('src'),
	except: [folder, ...allowed].map((name) => `./${name.replace(/^src\//, '')}`),
	message
});
const SERVER = 'src/lib/server';
const PROTOCOL = 'src/lib/protocol';
const DATABASE = `${SERVER}/database`;
const LOG = `${SERVER}/log`;
const DELIVERY = `${SERVER}/delivery`;
const LAYERS = [
	zone(PROTOCOL, [], 'protocol imports nothing: everybody imports it.'),
	zone(DATABASE, [], 'database is the lowest layer.'),
	zone(LOG, [DATABASE, PROTOCOL], 'log knows the database and the protocol only.'),
	zone(DELIVERY, [LOG, DATABASE, PROTOCOL], 'delivery is below sse, app, features and routes.'),
	zone(`${SERVER}/sse`, [DELIVERY, LOG, DATABASE, PROTOCOL], 'sse is below app, features, routes.'),
	zone(`${SERVER}/auth`, [`${SERVER}/config.ts`, DATABASE, PROTOCOL], 'auth is below the app.'),
	zone(SERVER, [PROTOCOL], 'The server knows no feature, no route, and nothing of the browser.'),
	zone(
		'src/lib/client',
		[PROTOCOL],
		'client knows the protocol only: no server, no feature, no UI.'
	),
	zone('src/ui', [], 'ui is for every feature, and knows none.'),
	zone(
		'src/features',
		[SERVER, PROTOCOL, 'src/lib/client', 'src/ui'],
		'Routes import features, not the other way round.'
	)
];

/** These can be deleted, together with the routes that show them, and the rest still builds. */
const DELETABLE = {
	target: path('src'),
	from: [path('src/features/chat'), path('src/features/demo')],
	message:
		'chat and demo are examples that one can delete: only they and routes/(demo) import them.'
};

/** Runs without SvelteKit: a plain script can use it. */
const WITHOUT_KIT = {
	regex: '^(\\$app|\\$env|@sveltejs/kit)',
	message: 'This layer knows no SvelteKit.'
};
const IN_BROWSERS = {
	regex: '^(\\$schema|node:|postgres$|drizzle-orm)',
	message: 'This runs in browsers.'
};

export default defineConfig(
	{ ignores: ['.svelte-kit', 'build', '.data', 'node_modules', 'bench', 'migrations', 'static'] },
	js.configs.recommended,
	tseslint.configs.strictTypeChecked,
	svelte.configs.recommended,
	{
		languageOptions: {
			globals: { ...globals.browser, ...globals.node },
			parserOptions: {
				projectService: { allowDefaultProject: ['*.config.js'] },
				tsconfigRootDir: import.meta.dirname,
				extraFileExtensions: ['.svelte']
			}
		},
		plugins: { 'import-x': importX },
		settings: {
			'import-x/resolver-next': [
				createNodeResolver({
					extensions: ['.ts', '.js', '.svelte'],
					alias: {
						$lib: [path('src/lib')],
						$schema: [path('drizzle/schema.server.ts')]
					}
				})
			]
		},
		rules: {
			'no-empty': ['error', { allowEmptyCatch: false }],
			eqeqeq: ['error', 'always', { null: 'ignore' }],
			'no-restricted-globals': [
				'error',
				{ name: 'event', message: 'Take it as a parameter.' },
				{ name: 'name', message: 'Declare it.' }
			],
			'@typescript-eslint/consistent-type-imports': [
				'error',
				{ fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }
			],
			// The compiler checks this better.
			'no-undef': 'off',
			'@typescript-eslint/no-unused-vars': [
				'error',
				{ argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'all' }
			],
			// With noUncheckedIndexedAccess, `!` states what the compiler cannot see. Unlike `any`, it keeps the type.
			'@typescript-eslint/no-non-null-assertion': 'off',
			// Texts are split into code points on purpose, not into the characters that a reader sees.
			'@typescript-eslint/no-misused-spread': 'off',
			// `() => void | Promise<void>` is the type of a function that may be asynchronous.
			'@typescript-eslint/no-invalid-void-type': 'off',
			'@typescript-eslint/no-confusing-void-expression': 'off',
			// The rule does not see assignments in callbacks.
			'@typescript-eslint/no-unnecessary-condition': 'off',
			'@typescript-eslint/no-dynamic-delete': 'off',
			// Some interfaces require a promise.
			'@typescript-eslint/require-await': 'off',
			'@typescript-eslint/restrict-template-expressions': [
				'error',
				{
					allowNumber: true,
					allowBoolean: true,
					allow: [{ from: 'lib', name: ['URL', 'URLSearchParams', 'Error'] }]
				}
			]
		}
	},
	{
		files: ['**/*.svelte', '**/*.svelte.ts'],
		languageOptions: { parserOptions: { parser: tseslint.parser, svelteConfig } }
	},
	{
		files: ['**/*.svelte', '**/*.svelte.ts'],
		rules: {
			// The app is served from the root of its host.
			'svelte/no-navigation-without-resolve': 'off',
			// Values that are not displayed need not be reactive.
			'svelte/prefer-svelte-reactivity': 'off'
		}
	},
	{
		// The libraries type query rows and matchers as `any`. The tests check the values anyway.
		files: TESTS,
		rules: {
			'@typescript-eslint/no-unsafe-argument': 'off',
			'@typescript-eslint/no-unsafe-assignment': 'off',
			'@typescript-eslint/no-unsafe-call': 'off',
			'@typescript-eslint/no-unsafe-member-access': 'off',
			'@typescript-eslint/no-unsafe-return': 'off',
			'@typescript-eslint/restrict-plus-operands': 'off',
			'@typescript-eslint/no-base-to-string': 'off',
			'@typescript-eslint/no-meaningless-void-operator': 'off',
			'@typescript-eslint/unbound-method': 'off'
		}
	},
	{ files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
	{
		files: ['src/**/*.{ts,svelte}', 'drizzle/**/*.ts'],
		ignores: TESTS,
		rules: { 'import-x/no-restricted-paths': ['error', { zones: LAYERS }] }
	},
	{
		// Repeats the rule, because a later setting of a rule replaces the earlier one.
		files: ['src/**/*.{ts,svelte}'],
		ignores: [...TESTS, 'src/features/{chat,demo}/**', 'src/routes/(demo)/**'],
		rules: { 'import-x/no-restricted-paths': ['error', { zones: [...LAYERS, DELETABLE] }] }
	},
	{
		files: ['src/features/**/*.{ts,svelte}'],
		ignores: [...TESTS, '**/*.server.ts'],
		rules: {
			'no-restricted-imports': [
				'error',
				{
					patterns: [
						{
							regex: '^\\$(lib/server|schema)',
							message: 'Only files named *.server.ts know the server: others are sent to browsers.'
						}
					]
				}
			]
		}
	},
	{
		files: [`{${DATABASE},${LOG},${DELIVERY},${SERVER}/sse}/**/*.ts`],
		rules: { 'no-restricted-imports': ['error', { patterns: [WITHOUT_KIT] }] }
	},
	{
		files: ['src/lib/{client,protocol}/**/*.ts'],
		ignores: TESTS,
		rules: { 'no-restricted-imports': ['error', { patterns: [WITHOUT_KIT, IN_BROWSERS] }] }
	},
	{
		files: ['src/ui/**/*.{ts,svelte}'],
		rules: { 'no-restricted-imports': ['error', { patterns: [IN_BROWSERS] }] }
	}
);
