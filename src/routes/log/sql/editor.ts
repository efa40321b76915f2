/** The editor for a question: CodeMirror with the SQL of Postgres, our columns, and the names of topics. Loaded on demand. */
import {
	acceptCompletion,
	autocompletion,
	closeBrackets,
	closeBracketsKeymap,
	closeCompletion,
	completionKeymap,
	completionStatus,
	type CompletionContext,
	type CompletionResult
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { PostgreSQL, sql } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorState, Prec, StateEffect, StateField } from '@codemirror/state';
import { Decoration, EditorView, keymap, type DecorationSet } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { COLUMNS } from './columns.ts';

export interface EditorOptions {
	/** Where it is drawn. */
	root: ShadowRoot;
	text: string;
	label: string;
	/** Offered inside a text in quotes. */
	topics: readonly string[];
	onchange: (text: string) => void;
	onrun: () => void;
}

export interface Editor {
	set(text: string): void;
	insert(text: string): void;
	/** Marks the place of an error; null: none. */
	mark(at: number | null): void;
	/** Puts the cursor there. */
	go(at: number): void;
	focus(): void;
	destroy(): void;
}

const setMark = StateEffect.define<number | null>();

const marks = StateField.define<DecorationSet>({
	create: () => Decoration.none,
	update(value, transaction) {
		for (const effect of transaction.effects) {
			if (effect.is(setMark)) return markAt(transaction.state, effect.value);
		}
		// An error belongs to the text that was asked.
		return transaction.docChanged ? Decoration.none : value;
	},
	provide: (field) => EditorView.decorations.from(field)
});

function markAt(state: EditorState, at: number | null): DecorationSet {
	if (at === null || state.doc.length === 0) return Decoration.none;
	const from = Math.min(at, state.doc.length - 1);
	const word = state.wordAt(from);
	const to = word && word.from <= from && word.to > from ? word.to : from + 1;
	return Decoration.set([Decoration.mark({ class: 'mistake' }).range(from, to)]);
}

/** Names of topics, inside a text in quotes. */
const topicsIn =
	(topics: readonly string[]) =>
	(context: CompletionContext): CompletionResult | null => {
		const open = context.matchBefore(/'[^'\n]*/);
		if (!open) return null;
		const line = context.state.doc.lineAt(context.pos);
		const before = line.text.slice(0, open.from - line.from);
		// An odd number of quotes before it: this one closes a text.
		if ((before.match(/'/g)?.length ?? 0) % 2 === 1) return null;
		return {
			from: open.from + 1,
			options: topics.map((topic) => ({ label: topic.replaceAll("'", "''"), type: 'text' }))
		};
	};

const colours = HighlightStyle.define([
	{ tag: [tags.keyword, tags.operatorKeyword], color: 'var(--accent)', fontWeight: '600' },
	{ tag: [tags.string, tags.special(tags.string)], color: 'var(--success)' },
	{ tag: [tags.number, tags.bool, tags.null], color: 'var(--warning)' },
	{ tag: [tags.typeName, tags.standard(tags.name)], color: 'var(--info)' },
	{ tag: [tags.lineComment, tags.blockComment], color: 'var(--muted)', fontStyle: 'italic' }
]);

const theme = EditorView.theme({
	'&': {
		fontSize: '0.8125rem',
		color: 'var(--ink)',
		height: '100%',
		backgroundColor: 'transparent'
	},
	'&.cm-focused': { outline: 'none' },
	'.cm-scroller': { fontFamily: 'var(--font-mono)', lineHeight: '1.55', overflow: 'auto' },
	'.cm-content': { padding: '0.625rem 0', caretColor: 'var(--ink)' },
	'.cm-line': { padding: '0 0.875rem' },
	'.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
		backgroundColor: 'var(--accent-soft)',
		outline: '1px solid var(--accent)'
	},
	'.mistake': { textDecoration: 'underline wavy var(--danger)', textUnderlineOffset: '3px' },
	'.cm-tooltip': {
		border: '1px solid var(--line)',
		borderRadius: '0.5rem',
		backgroundColor: 'var(--surface)',
		color: 'var(--ink)',
		boxShadow: 'var(--shadow-high)',
		overflow: 'hidden'
	},
	'.cm-tooltip.cm-tooltip-autocomplete > ul': {
		fontFamily: 'var(--font-mono)',
		fontSize: '0.75rem',
		maxHeight: '14rem'
	},
	'.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '0.25rem 0.625rem' },
	'.cm-tooltip-autocomplete ul li[aria-selected]': {
		backgroundColor: 'var(--accent-soft)',
		color: 'var(--ink)'
	},
	'.cm-completionIcon': { display: 'none' },
	'.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
	'.cm-completionDetail': { color: 'var(--muted)', fontStyle: 'normal' }
});

/**
 * Text that replaces coloured text: the browser would give it the colour by a `style` attribute, which the page's policy
 * forbids, and complain.
 */
const replacing = EditorView.domEventHandlers({
	beforeinput(event, view) {
		const { data, inputType, isComposing } = event;
		const { main } = view.state.selection;
		if (inputType !== 'insertText' || data === null || isComposing || main.empty) return false;
		const insert = () =>
			view.state.update({ ...view.state.replaceSelection(data), userEvent: 'input.type' });
		const handled = view.state
			.facet(EditorView.inputHandler)
			.some((handler) => handler(view, main.from, main.to, data, insert));
		if (!handled) view.dispatch(insert());
		event.preventDefault();
		return true;
	}
});

export function openEditor(options: EditorOptions): Editor {
	const language = sql({
		dialect: PostgreSQL,
		upperCaseKeywords: true,
		schema: {
			events: COLUMNS.map(({ name, type }) => ({ label: name, type: 'property', detail: type }))
		},
		defaultTable: 'events'
	});
	const run = (view: EditorView) => {
		closeCompletion(view);
		options.onrun();
		return true;
	};
	const view = new EditorView({
		parent: options.root,
		root: options.root,
		state: EditorState.create({
			doc: options.text,
			extensions: [
				// Before the keys of the editor: Mod-Enter is one of them.
				Prec.highest(keymap.of([{ key: 'Mod-Enter', run }])),
				// Tab chooses what is offered. Else it leaves the editor, as it leaves every field.
				keymap.of([
					{
						key: 'Tab',
						run: (view) =>
							completionStatus(view.state) === 'active' ? acceptCompletion(view) : false
					}
				]),
				keymap.of([
					...closeBracketsKeymap,
					...defaultKeymap,
					...historyKeymap,
					...completionKeymap
				]),
				history(),
				bracketMatching(),
				closeBrackets(),
				autocompletion({ icons: false }),
				language,
				PostgreSQL.language.data.of({ autocomplete: topicsIn(options.topics) }),
				syntaxHighlighting(colours),
				marks,
				theme,
				replacing,
				EditorView.lineWrapping,
				EditorView.contentAttributes.of({
					'aria-label': options.label,
					autocapitalize: 'off',
					spellcheck: 'false'
				}),
				EditorView.updateListener.of((update) => {
					if (update.docChanged) options.onchange(update.state.doc.toString());
				})
			]
		})
	});
	return {
		set(text) {
			view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
		},
		insert(text) {
			view.dispatch(view.state.replaceSelection(text));
			view.focus();
		},
		mark(at) {
			view.dispatch({ effects: setMark.of(at) });
		},
		go(at) {
			view.dispatch({
				selection: { anchor: Math.min(at, view.state.doc.length) },
				scrollIntoView: true
			});
			view.focus();
		},
		focus() {
			view.focus();
		},
		destroy() {
			view.destroy();
		}
	};
}
