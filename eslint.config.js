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
 * Imports run one way. In the library: logline → streams → sse → delivery → log → database → work. Around it, the app:
 * routes → features → accounts and app → library; in browsers: routes → features → client. All may use protocol, which uses
 * nothing. A zone says what a folder of src may import from src besides itself.
 */
const zone = (folder, allowed, message) => ({
	target: path(folder),
	from: path('src'),
	except: [folder, ...allowed].map((name) => `./${name.replace(/^src\//, '')}`),
	message
});
const LIB = 'src/lib';
const PROTOCOL = `${LIB}/protocol`;
const CLIENT = `${LIB}/client`;
const INSPECTOR = `${LIB}/inspector`;
const SERVER = `${LIB}/server`;
const WORK = `${SERVER}/work`;
const DATABASE = `${SERVER}/database`;
const SCHEMA = `${SERVER}/schema`;
const LOG = `${SERVER}/log`;
const DELIVERY = `${SERVER}/delivery`;
const SSE = `${SERVER}/sse`;
const STREAMS = `${SERVER}/streams`;
/** What the app may import of the library: what an adopter can import. */
const ENTRIES = [
	`${LIB}/index.ts`,
	`${CLIENT}/index.ts`,
	`${INSPECTOR}/index.ts`,
	`${SERVER}/index.ts`,
	`${DATABASE}/index.ts`
];
const APP = ['src/accounts', 'src/app', 'src/embedded-postgres'];
const LAYERS = [
	zone(PROTOCOL, [], 'protocol imports nothing: everybody imports it.'),
	zone(CLIENT, [PROTOCOL], 'client knows the protocol only: it runs in browsers.'),
	zone(INSPECTOR, [CLIENT, PROTOCOL], 'inspector knows the client, which does not know it.'),
	zone(WORK, [], 'work (loops, log lines, ends) is below everything else on the server.'),
	zone(DATABASE, [WORK], 'database knows no table.'),
	zone(SCHEMA, [DATABASE, WORK], 'schema only brings the tables.'),
	zone(LOG, [DATABASE, WORK, PROTOCOL], 'log knows no HTTP and no client.'),
	zone(DELIVERY, [LOG, DATABASE, WORK, PROTOCOL], 'delivery knows no HTTP: streams use it.'),
	zone(SSE, [DELIVERY, PROTOCOL], 'sse only turns events into bytes of a response.'),
	zone(STREAMS, [SSE, DELIVERY, LOG, DATABASE, WORK, PROTOCOL], 'streams is below logline.'),
	zone(LIB, [], 'src/lib is the library: it knows nothing of the app around it.'),
	zone('src/ui', [], 'ui is for every feature, and knows none.'),
	zone(
		'src/embedded-postgres',
		[...ENTRIES, 'src/app/driver-client.ts'],
		'Only commands and app start a database.'
	),
	zone('src/accounts', [...ENTRIES, 'src/app', 'src/http', 'src/ui'], 'accounts know no feature.'),
	zone('src/http', [...ENTRIES, ...APP], 'http is below routes and features.'),
	zone(
		'src/app',
		[...ENTRIES, 'src/accounts', 'src/http', 'src/embedded-postgres'],
		'The app finds its features by their folder, not by import.'
	),
	zone(
		'src/commands',
		[...ENTRIES, ...APP, 'src/http'],
		'A command starts the app; it knows no feature.'
	),
	zone(
		'src/features',
		[...ENTRIES, ...APP, 'src/http', 'src/ui'],
		'Routes import features, not the other way round.'
	),
	zone(
		'src/routes',
		[...ENTRIES, ...APP, 'src/http', 'src/ui', 'src/features'],
		'Import logline, logline/client or logline/server, as an adopter would.'
	)
];

/** These can be deleted, together with the routes that show them, and the rest still builds. */
const DELETABLE = {
	target: path('src'),
	from: [path('src/features')],
	message: 'Features are examples that one can delete: only routes/(demo) imports them.'
};

/** Runs without SvelteKit: a plain script can use it. */
const WITHOUT_KIT = {
	regex: '^(\\$app|\\$env|@sveltejs/kit)',
	message: 'This layer knows no SvelteKit.'
};
/** The package has no dependencies: what an adopter installs is the library and its peers. */
const PEERS_ONLY = {
	regex: '^(?!\\.|node:|(postgres|svelte(/reactivity)?|@sveltejs/kit)$)',
	message:
		'The library imports its own files, node: and its peers (svelte, postgres, types of @sveltejs/kit).'
};
/** Names of the app's tables in a text of the library, and the library of its accounts. */
const TABLES = '/\\b(lucia|(from|into|join|update|table|references|on)\\s+"?(users|sessions))\\b/i';
const NO_TABLES = ['Literal[value=', 'TemplateElement[value.raw='].map((node) => ({
	selector: `${node}${TABLES}]`,
	message:
		'The log knows viewers and sessions by what authenticate() returns; tables of accounts are the app’s.'
}));
/** Tests share one Postgres: these tables show what other tests do in their databases, too. */
const OWN_DATABASE = ['Literal[value=', 'TemplateElement[value.raw='].flatMap((node) => [
	{
		selector: `${node}/pg_locks/]`,
		message: 'Ask lockWaits() of tests/support: pg_locks shows the waits of all databases.'
	},
	{
		selector: `${node}/pg_stat_activity(?!.*(datname|usename))/s]`,
		message: 'Name the database: pg_stat_activity shows the sessions of all of them.'
	}
]);
const IN_BROWSERS = {
	regex: '^(\\$schema|node:|postgres$|drizzle-orm)',
	message: 'This runs in browsers.'
};

export default defineConfig(
	{
		ignores: [
			'.svelte-kit',
			'build',
			'dist',
			'tests/package/fresh-app',
			'.data',
			'node_modules',
			'bench',
			'migrations',
			'static'
		]
	},
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
						'logline/client': [path('src/lib/client/index.ts')],
						'logline/inspector': [path('src/lib/inspector/index.ts')],
						'logline/server': [path('src/lib/server/index.ts')],
						'logline/postgres': [path('src/lib/server/database/index.ts')],
						logline: [path('src/lib/index.ts')],
						$src: [path('src')],
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
			// `interface SSETopicsMap extends PayloadsOf<typeof topics> {}` adds the topics of a feature.
			'@typescript-eslint/no-empty-object-type': [
				'error',
				{ allowInterfaces: 'with-single-extends' }
			],
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
		languageOptions: { parserOptions: { parser: tseslint.parser, svelteConfig } },
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
		// Two files that need each other are one idea, or hide a third.
		files: ['src/**/*.ts', 'drizzle/**/*.ts'],
		settings: { 'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] } },
		rules: { 'import-x/no-cycle': ['error', { ignoreExternal: true }] }
	},
	{
		files: ['src/**/*.{ts,svelte}', 'drizzle/**/*.ts'],
		ignores: TESTS,
		rules: { 'import-x/no-restricted-paths': ['error', { zones: LAYERS }] }
	},
	{
		// Repeats the rule, because a later setting of a rule replaces the earlier one.
		files: ['src/**/*.{ts,svelte}'],
		ignores: [...TESTS, 'src/features/**', 'src/routes/(demo)/**'],
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
							regex: '^(logline/server|\\$schema|\\$src/(app|accounts|http)/)',
							message: 'Only files named *.server.ts know the server: others are sent to browsers.'
						}
					]
				}
			]
		}
	},
	{
		files: ['src/lib/**/*.ts'],
		ignores: TESTS,
		rules: {
			'no-restricted-syntax': ['error', ...NO_TABLES],
			'no-restricted-imports': ['error', { patterns: [PEERS_ONLY] }]
		}
	},
	{
		// These repeat a rule, because a later setting of a rule replaces the earlier one.
		files: [`{${WORK},${DATABASE},${SCHEMA},${LOG},${DELIVERY},${SSE},${STREAMS}}/**/*.ts`],
		ignores: TESTS,
		rules: { 'no-restricted-imports': ['error', { patterns: [WITHOUT_KIT, PEERS_ONLY] }] }
	},
	{
		// Clocks get set: performance.now() says what is due. Only whether a session is over is a question of the date.
		files: [`${SERVER}/**/*.ts`],
		ignores: [...TESTS, `${STREAMS}/{connections,sessions}.ts`],
		rules: { 'no-restricted-properties': ['error', { object: 'Date', property: 'now' }] }
	},
	{
		files: TESTS,
		ignores: ['tests/support/lock-waits.ts'],
		rules: { 'no-restricted-syntax': ['error', ...OWN_DATABASE] }
	},
	{
		files: ['src/lib/{client,inspector,protocol}/**/*.ts'],
		ignores: TESTS,
		rules: {
			'no-restricted-imports': ['error', { patterns: [WITHOUT_KIT, IN_BROWSERS, PEERS_ONLY] }]
		}
	},
	{
		files: ['src/ui/**/*.{ts,svelte}'],
		rules: { 'no-restricted-imports': ['error', { patterns: [IN_BROWSERS] }] }
	}
);
