import { gotoLine, openSearchPanel, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';

// Find, replace and "go to line": loaded when they are first asked for.

const look = EditorView.theme({
  '.cm-panels': { color: 'var(--text)', backgroundColor: 'var(--raised)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--border)' },
  '.cm-panel.cm-search, .cm-panel.cm-gotoLine, .cm-panel.cm-dialog': {
    padding: '0.5rem 2rem 0.5rem 0.75rem',
    font: '400 0.8125rem/1.4 var(--sans)',
  },
  '.cm-panel.cm-search label, .cm-panel label': { fontSize: '0.8125rem' },
  '.cm-panel.cm-search input[type=checkbox]': { margin: '0 0.35rem 0 0', verticalAlign: '-0.15em' },
  '.cm-textfield': {
    minHeight: '1.75rem',
    padding: '0 0.5rem',
    border: '1px solid var(--border-strong)',
    borderRadius: '6px',
    color: 'var(--text)',
    backgroundColor: 'var(--surface)',
    fontSize: '0.8125rem',
  },
  '.cm-button': {
    minHeight: '1.75rem',
    padding: '0 0.6rem',
    border: '1px solid var(--border-strong)',
    borderRadius: '6px',
    color: 'var(--text)',
    background: 'var(--surface)',
    font: '500 0.8125rem/1 var(--sans)',
    cursor: 'pointer',
  },
  '.cm-button:hover': { background: 'var(--bg)' },
  '.cm-panel.cm-search [name=close], .cm-panel .cm-dialog-close': {
    color: 'var(--muted)',
    padding: '0.25rem 0.6rem',
    fontSize: '1.25rem',
    lineHeight: '1',
    cursor: 'pointer',
  },
  '.cm-searchMatch': { backgroundColor: 'var(--warning-bg)', outline: '1px solid var(--warning)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--selection)' },
});

const words = EditorState.phrases.of({
  next: 'Next',
  previous: 'Previous',
  all: 'Select all',
  'match case': 'Match case',
  regexp: 'Regex',
  'by word': 'Whole words',
  replace: 'Replace',
  'replace all': 'Replace all',
  go: 'Go',
});

export const searching: Extension = [search(), keymap.of(searchKeymap), words, look];

export const commands = { find: openSearchPanel, line: gotoLine };
