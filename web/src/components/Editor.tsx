import { Compartment, EditorState } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { useEffect, useEffectEvent, useImperativeHandle, useRef, type Ref } from 'react';
import { loadLanguageMode } from '@/lib/languageModes';
import { editorExtensions } from './editorSetup';

export interface EditorHandle {
  /** Replaces the whole text; the person can undo it. */
  replace: (text: string) => void;
}

interface Props {
  ref: Ref<EditorHandle>;
  language: string;
  /** The text a language starts with; later changes come from the editor itself. */
  initialCode: string;
  label: string;
  describedBy: string;
  nonce: string;
  onChange: (code: string) => void;
}

export function Editor({ ref, language, initialCode, label, describedBy, nonce, onChange }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);

  const changed = useEffectEvent((code: string) => {
    onChange(code);
  });

  const open = useEffectEvent((parent: HTMLElement) => {
    const mode = new Compartment();
    const editor = new EditorView({
      parent,
      state: EditorState.create({
        doc: initialCode,
        extensions: [
          mode.of([]), // first: its keys go before the general ones
          editorExtensions({
            nonce,
            language,
            attributes: { tabindex: '0', 'aria-label': label, 'aria-describedby': describedBy },
            onChange: (code) => {
              changed(code);
            },
          }),
        ],
      }),
    });
    view.current = editor;
    // Without its colours the code is still code: a chunk that fails to load is no error to show.
    void loadLanguageMode(language).then(
      (extension) => {
        if (view.current === editor) editor.dispatch({ effects: mode.reconfigure(extension) });
      },
      () => undefined,
    );
    return editor;
  });

  // Each language has a history of its own, so each gets an editor of its own.
  useEffect(() => {
    if (!host.current) return;
    const editor = open(host.current);
    return () => {
      view.current = null;
      editor.destroy();
    };
  }, [language]);

  useImperativeHandle(ref, () => ({
    replace(text) {
      const editor = view.current;
      if (!editor) return;
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
      editor.focus();
    },
  }));

  return <div ref={host} className="editor" />;
}
