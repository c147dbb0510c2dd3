import { gotoLine, openSearchPanel, search, searchKeymap } from '@codemirror/search';
import type { Extension } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';

// Find, replace and "go to line": loaded when they are first asked for.

const look = EditorView.theme({
  '.cm-panels': { color: 'var(--text)', backgroundColor: 'var(--raised)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--border)' },
  '.cm-panel.cm-search, .cm-panel.cm-gotoLine, .cm-panel.cm-dialog': {
    padding: '0.5rem 2rem 0.5rem 0.75rem',
    font: '400 0.8125rem/1.4 var(--sans)',
  },
  '.cm-panel label': { fontSize: '0.8125rem' },
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
    cursor: 'pointer',
  },
  '.cm-panel [name=close], .cm-dialog-close': {
    color: 'var(--muted)',
    fontSize: '1.125rem',
    cursor: 'pointer',
  },
  '.cm-searchMatch': { backgroundColor: 'var(--warning-bg)', outline: '1px solid var(--warning)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--selection)' },
});

export const searching: Extension = [search(), keymap.of(searchKeymap), look];

export const commands = { find: openSearchPanel, line: gotoLine };
