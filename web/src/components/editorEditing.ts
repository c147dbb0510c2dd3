import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { keymap } from '@codemirror/view';
import { tags as t } from '@lezer/highlight';
import { indentUnitFor } from '@/lib/fileModes';

export { loadLanguageMode } from '@/lib/languageModes';

const colours = HighlightStyle.define([
  { tag: [t.keyword, t.modifier, t.operatorKeyword, t.self], color: 'var(--code-keyword)' },
  { tag: [t.string, t.special(t.string), t.regexp, t.character], color: 'var(--code-string)' },
  { tag: [t.number, t.bool, t.null, t.atom, t.escape], color: 'var(--code-number)' },
  { tag: [t.comment, t.docString], color: 'var(--code-comment)', fontStyle: 'italic' },
  {
    tag: [t.function(t.variableName), t.function(t.propertyName), t.macroName],
    color: 'var(--code-function)',
  },
  { tag: [t.typeName, t.className, t.namespace, t.standard(t.name)], color: 'var(--code-type)' },
  { tag: [t.meta, t.processingInstruction, t.annotation], color: 'var(--code-meta)' },
  { tag: t.invalid, color: 'var(--bad)' },
]);

/**
 * What editing takes beyond typing. It knows of languages, and is loaded with the first of them or,
 * where the text has none, when somebody comes to edit it.
 */
export function editing(mode: string): Extension {
  return [
    history(),
    indentUnit.of(indentUnitFor(mode)),
    indentOnInput(),
    bracketMatching(),
    keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
    syntaxHighlighting(colours),
  ];
}
