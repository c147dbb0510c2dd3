import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import {
  useEffect,
  useEffectEvent,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  type Ref,
} from 'react';
import type { Diagnostic } from '@/lib/api';
import { editorExtensions } from './editorSetup';

export interface EditorHandle {
  /** Replaces the whole text; the person can undo it. */
  replace: (text: string) => void;
  goTo: (line: number, column?: number) => void;
  focus: () => void;
}

interface Props {
  ref: Ref<EditorHandle>;
  /** Names the text: another name is another text, with a history of its own. */
  documentKey: string;
  /** What the text is when its name is first seen; later changes come from the editor itself. */
  initialText: string;
  /** Key of the language that the text is shown as. */
  mode: string;
  label: string;
  describedBy: string;
  nonce: string;
  problems: Diagnostic[];
  onChange: (text: string) => void;
}

const loadEditing = () => import('./editorEditing');

/** How many texts keep their history while another is shown. */
const KEPT = 40;

export function Editor(props: Props) {
  const { ref, documentKey, initialText, mode, label, describedBy, nonce, problems } = props;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const states = useRef(new Map<string, EditorState>());
  const slots = useRef({
    mode: new Compartment(),
    search: new Compartment(),
    editing: new Compartment(),
  });
  const tools = useRef<Awaited<ReturnType<typeof loadEditing>>>(null);
  const searching = useRef<Extension>([]);
  const marking = useRef(false);
  const attributes = useRef<Record<string, string>>({});

  const changed = useEffectEvent((text: string) => {
    props.onChange(text);
  });

  const search = useEffectEvent((command: 'find' | 'line') => {
    void import('./editorSearch').then(
      (module) => {
        const editor = view.current;
        if (!editor) return;
        if (searching.current !== module.searching) {
          searching.current = module.searching;
          editor.dispatch({
            effects: slots.current.search.reconfigure(module.searching),
          });
        }
        module.commands[command](editor);
      },
      () => undefined, // without a connection there is no search, and the text is as it was
    );
  });

  const newState = useEffectEvent(() =>
    EditorState.create({
      doc: initialText,
      extensions: [
        slots.current.search.of(searching.current),
        slots.current.mode.of([]), // its keys go before the general ones
        editorExtensions({
          nonce,
          attributes: () => attributes.current,
          onChange: (text) => {
            changed(text);
          },
          onSearch: (command) => {
            search(command);
          },
        }),
        slots.current.editing.of(tools.current?.editing(mode) ?? []),
      ],
    }),
  );

  useLayoutEffect(() => {
    attributes.current = { tabindex: '0', 'aria-label': label, 'aria-describedby': describedBy };
  }, [label, describedBy]);

  const shown = useRef('');
  /** Gives the text that is shown what editing takes, and its language. */
  const equip = async (editor: EditorView) => {
    const wanted = documentKey;
    const isShown = () => view.current === editor && shown.current === wanted;
    try {
      const loaded = (tools.current = await loadEditing());
      if (!isShown()) return;
      const { editing: slot, mode: modeSlot } = slots.current;
      if (isEmpty(slot.get(editor.state)))
        editor.dispatch({ effects: slot.reconfigure(loaded.editing(mode)) });
      if (mode === 'text' || !isEmpty(modeSlot.get(editor.state))) return;
      const extension = await loaded.loadLanguageMode(mode);
      if (isShown()) editor.dispatch({ effects: modeSlot.reconfigure(extension) });
    } catch {
      // Without its colours the code is still code: a chunk that fails to load is no error to show.
    }
  };
  const onShown = useEffectEvent((editor: EditorView) => {
    if (mode !== 'text' || tools.current !== null) void equip(editor);
  });

  // Before the next paint and the next key: what is typed belongs to the text that is seen.
  useLayoutEffect(() => {
    if (!host.current) return;
    const kept = states.current;
    const slot = slots.current;
    let state = kept.get(documentKey);
    kept.delete(documentKey);
    state ??= newState();
    if (view.current) view.current.setState(state);
    else view.current = new EditorView({ parent: host.current, state });
    const editor = view.current;
    if (searching.current !== slot.search.get(editor.state)) {
      editor.dispatch({ effects: slot.search.reconfigure(searching.current) });
    }
    shown.current = documentKey;
    onShown(editor);
    return () => {
      kept.set(documentKey, editor.state);
      const oldest = kept.keys().next();
      if (kept.size > KEPT && !oldest.done) kept.delete(oldest.value);
    };
  }, [documentKey]);

  useEffect(
    () => () => {
      view.current?.destroy();
      view.current = null;
    },
    [],
  );

  useEffect(() => {
    // What marks problems is loaded with the first of them.
    if (problems.length === 0 && !marking.current) return;
    let gone = false;
    void import('./problemMarks').then(
      (module) => {
        marking.current = true;
        if (view.current && !gone) module.showProblems(view.current, problems);
      },
      () => undefined, // the result lists them, too
    );
    return () => {
      gone = true;
    };
  }, [documentKey, problems]);

  useImperativeHandle(ref, () => ({
    replace(text) {
      const editor = view.current;
      if (!editor) return;
      editor.focus();
      // With a history first, so that the person can undo it.
      void equip(editor).then(() => {
        if (view.current !== editor) return;
        editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
      });
    },
    goTo(number, column = 1) {
      const editor = view.current;
      if (!editor) return;
      const line = editor.state.doc.line(Math.min(Math.max(1, number), editor.state.doc.lines));
      const anchor = line.from + Math.min(line.length, Math.max(0, column - 1));
      editor.dispatch({
        selection: { anchor },
        effects: EditorView.scrollIntoView(anchor, { y: 'center' }),
      });
      editor.focus();
    },
    focus() {
      view.current?.focus();
    },
  }));

  const comeNear = () => {
    if (view.current && tools.current === null) void equip(view.current);
  };
  // The editor is inside, with a role and keys of its own; this looks who comes.
  // eslint-disable-next-line jsx-a11y/no-static-element-interactions
  return <div ref={host} className="editor" onFocus={comeNear} onPointerEnter={comeNear} />;
}

function isEmpty(extension: Extension | undefined): boolean {
  return Array.isArray(extension) && extension.length === 0;
}
