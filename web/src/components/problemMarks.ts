import {
  RangeSet,
  StateEffect,
  StateField,
  type EditorState,
  type Extension,
  type Range,
} from '@codemirror/state';
import {
  Decoration,
  EditorView,
  gutterLineClass,
  GutterMarker,
  keymap,
  WidgetType,
  type Command,
  type DecorationSet,
} from '@codemirror/view';
import type { Diagnostic } from '@/lib/api';

// Marks what a run said of the code: the line and its number, the place in it, and the message
// behind it. They move with the text while it is edited, until the next run.

class Message extends WidgetType {
  constructor(
    readonly text: string,
    readonly severity: string,
  ) {
    super();
  }

  override eq(other: Message) {
    return other.text === this.text && other.severity === this.severity;
  }

  toDOM() {
    const place = document.createElement('span');
    place.className = `cm-problem-message cm-problem-${this.severity}`;
    place.textContent = this.text.split('\n', 1)[0] ?? '';
    place.title = this.text;
    // The problems are listed beside the result for those who do not see this.
    place.setAttribute('aria-hidden', 'true');
    return place;
  }
}

class LineNumberMark extends GutterMarker {
  override elementClass: string;
  constructor(severity: string) {
    super();
    this.elementClass = `cm-problem-number cm-problem-${severity}`;
  }
}

const setProblems = StateEffect.define<Diagnostic[]>();

interface Marks {
  problems: Diagnostic[];
  content: DecorationSet;
  gutter: RangeSet<GutterMarker>;
}

const none: Marks = {
  problems: [],
  content: Decoration.none,
  gutter: RangeSet.empty as RangeSet<GutterMarker>,
};

const field = StateField.define<Marks>({
  create: () => none,
  update(marks, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setProblems)) return build(transaction.state, effect.value);
    }
    if (!transaction.docChanged || marks === none) return marks;
    return {
      problems: marks.problems,
      content: marks.content.map(transaction.changes),
      gutter: marks.gutter.map(transaction.changes),
    };
  },
  provide: (self) => [
    EditorView.decorations.from(self, (marks) => marks.content),
    gutterLineClass.from(self, (marks) => marks.gutter),
  ],
});

const worst = ['note', 'warning', 'error'];

function build(state: EditorState, problems: Diagnostic[]): Marks {
  const content: Range<Decoration>[] = [];
  const gutter: Range<GutterMarker>[] = [];
  const byLine = new Map<number, Diagnostic[]>();
  for (const problem of problems) {
    if (problem.line > state.doc.lines) continue;
    byLine.set(problem.line, [...(byLine.get(problem.line) ?? []), problem]);
  }
  for (const [number, found] of byLine) {
    const line = state.doc.line(number);
    found.sort((a, b) => worst.indexOf(b.severity) - worst.indexOf(a.severity));
    const severity = found[0]?.severity ?? 'error';
    content.push(
      Decoration.line({ class: `cm-problem-line cm-problem-${severity}` }).range(line.from),
    );
    gutter.push(new LineNumberMark(severity).range(line.from));
    for (const problem of found) {
      const from = line.from + Math.min(line.length, Math.max(0, (problem.column ?? 1) - 1));
      const word = /^\w+|^./.exec(state.sliceDoc(from, line.to))?.[0] ?? '';
      if (problem.column === undefined || word === '') continue;
      content.push(
        Decoration.mark({ class: `cm-problem-place cm-problem-${problem.severity}` }).range(
          from,
          from + word.length,
        ),
      );
    }
    const text = found.map(({ message }) => message).join('\n');
    content.push(
      Decoration.widget({ widget: new Message(text, severity), side: 1 }).range(line.to),
    );
  }
  return {
    problems,
    content: Decoration.set(content, true),
    gutter: RangeSet.of(gutter, true),
  };
}

/** Puts the cursor on the next line with a problem, and says what it is. */
const toNextProblem: Command = (view) => {
  const { gutter } = view.state.field(field);
  const lines: number[] = [];
  const cursor = gutter.iter();
  while (cursor.value) {
    lines.push(cursor.from);
    cursor.next();
  }
  const here = view.state.doc.lineAt(view.state.selection.main.head).from;
  const next = lines.find((from) => from > here) ?? lines[0];
  if (next === undefined) return false;
  const line = view.state.doc.lineAt(next);
  let message = '';
  view.state.field(field).content.between(line.to, line.to, (_from, _to, value) => {
    const { widget } = value.spec as { widget?: unknown };
    if (widget instanceof Message) message = widget.text;
  });
  view.dispatch({
    selection: { anchor: next },
    effects: [
      EditorView.scrollIntoView(next, { y: 'center' }),
      EditorView.announce.of(`Line ${line.number}: ${message}`),
    ],
  });
  return true;
};

const look = EditorView.theme({
  '.cm-problem-error': { '--problem': 'var(--bad)', '--problem-bg': 'var(--bad-bg)' },
  '.cm-problem-warning': { '--problem': 'var(--warning)', '--problem-bg': 'var(--warning-bg)' },
  '.cm-problem-note': { '--problem': 'var(--busy)', '--problem-bg': 'var(--busy-bg)' },
  '.cm-line.cm-problem-line': { backgroundColor: 'var(--problem-bg)' },
  '.cm-gutterElement.cm-problem-number': {
    color: 'var(--problem)',
    backgroundColor: 'var(--problem-bg)',
    boxShadow: 'inset 3px 0 var(--problem)',
    fontWeight: '600',
  },
  '.cm-problem-place': {
    textDecoration: 'underline wavy var(--problem) 1px',
    textUnderlineOffset: '3px',
  },
  '.cm-problem-message': {
    display: 'inline-block',
    maxWidth: 'min(32rem, 90%)',
    marginLeft: '1.5rem',
    overflow: 'hidden',
    color: 'var(--problem)',
    fontFamily: 'var(--sans)',
    fontSize: '0.75rem',
    lineHeight: '1.4',
    textOverflow: 'ellipsis',
    verticalAlign: 'text-bottom',
    whiteSpace: 'nowrap',
    userSelect: 'none',
  },
});

const problemMarks: Extension = [field, keymap.of([{ key: 'F8', run: toNextProblem }]), look];

/** Shows these problems in place of those before. */
export function showProblems(view: EditorView, problems: Diagnostic[]) {
  const shown = view.state.field(field, false);
  if (shown === undefined) {
    if (problems.length === 0) return;
    view.dispatch({ effects: StateEffect.appendConfig.of(problemMarks) });
  } else if (shown.problems === problems || problems.length + shown.problems.length === 0) return;
  view.dispatch({ effects: setProblems.of(problems) });
}
