import {
  lazy,
  Suspense,
  useEffect,
  useEffectEvent,
  useRef,
  useState,
  type CSSProperties,
} from 'react';
import type { Diagnostic, Language } from '@/lib/api';
import { modeForFile } from '@/lib/fileModes';
import { traitsOf } from '@/lib/languages';
import type { Opened } from '@/lib/openRun';
import { problemsIn, shownRun } from '@/lib/runs';
import {
  sameFiles,
  sheetFor,
  sheetOf,
  withFile,
  withFileRenamed,
  withoutFile,
  withRecent,
  withSheet,
  withText,
  withVersion,
  type Sheet,
} from '@/lib/workspace';
import type { EditorHandle } from './Editor';
import { FileTabs } from './FileTabs';
import { Icon } from './Icon';
import { InputPanel } from './InputPanel';
import { LanguagePicker, pickLanguage } from './LanguagePicker';
import { LanguagesNotice } from './LanguagesNotice';
import { ResultPanel } from './ResultPanel';
import { onMac, RunButton } from './RunButton';
import { Splitter } from './ui/Splitter';
import { toast } from './ui/toast';
import { useExample } from './useExample';
import { useLanguages } from './useLanguages';
import { initialLayout, useLayout } from './useLayout';
import { useOpenedRun } from './useOpenedRun';
import { useRuns } from './useRuns';
import { useWorkspace } from './useWorkspace';

const Editor = lazy(() => import('./Editor').then((module) => ({ default: module.Editor })));
const KeysDialog = lazy(() =>
  import('./KeysDialog').then((module) => ({ default: module.KeysDialog })),
);
const ReplaceDialog = lazy(() =>
  import('./ReplaceDialog').then((module) => ({ default: module.ReplaceDialog })),
);

// What sends a program is fetched once the page stands, or when it is needed.
const loadRequests = () => import('@/lib/runRequest');

const views = { code: 'Code', input: 'Input', result: 'Result' } as const;
type View = keyof typeof views;

export function Workbench({ nonce }: { nonce: string }) {
  const { state: languagesState, languages, retry } = useLanguages();
  const [saved, setWorkspace, keepNow] = useWorkspace();
  const [layout, setLayout] = useLayout();
  const { runs, ...run } = useRuns();
  const [opened, doneOpening] = useOpenedRun(languages);
  const [view, setView] = useState<View>('code');
  const [picking, setPicking] = useState(false);
  const [showKeys, setShowKeys] = useState(false);
  const editor = useRef<EditorHandle>(null);
  const main = useRef<HTMLElement>(null);

  // The remembered language may not be installed here; then show one that is.
  const workspace = { ...saved, language: pickLanguage(saved.language, languages) };
  const { language } = workspace;
  const [resetting, setResetting] = useState(false);
  const isOwn = language in workspace.sheets;
  const example = useExample(language, !isOwn || resetting);
  const known = example !== null || isOwn;
  const template = example ?? '';
  const sheet = sheetFor(workspace, template);
  const file = sheet.files.find(({ name }) => name === sheet.active) ?? sheet.files[0];
  const source = traitsOf(language).source;
  const languageName = nameOf(languages, language, workspace.versions[language]);

  // A file that comes back under an old name is another text for the editor.
  const [born, setBorn] = useState<Record<string, number>>({});
  const keyOf = (name: string) => `${language}/${name}`;
  const renew = (...keys: string[]) => {
    setBorn((before) => ({
      ...before,
      ...Object.fromEntries(keys.map((key) => [key, (before[key] ?? 0) + 1])),
    }));
  };
  const documentKey = `${keyOf(sheet.active)}#${born[keyOf(sheet.active)] ?? 0}.${born[language] ?? 0}`;

  const changeSheet = (change: (sheet: Sheet) => Sheet) => {
    setWorkspace((before) => {
      const present = { ...before, language };
      return withSheet(present, change(sheetFor(present, template)), example);
    });
  };

  const shown = shownRun(runs);
  const job = shown?.state.phase === 'finished' && shown.language === language && shown.state.job;
  const problems = problemsIn(job || null, sheet.active, source);
  const faulty = new Set(
    job ? (job.diagnostics ?? []).map((problem) => problem.file ?? source) : [],
  );

  const sending = runs.list.some(({ state }) => state.phase === 'running' && state.jobId === null);
  const canRun = languages.length > 0 && known;

  const start = () => {
    if (sending || !canRun) return;
    const request = loadRequests().then((module) => module.requestFor(workspace, sheet));
    run.start(request, {
      language,
      label: languageName,
      expected: workspace.expected,
      own: true,
    });
    setWorkspace((before) => withRecent(before, language));
    setView('result');
  };

  const reset = () => {
    if (sheet.files.length === 1 && sheet.options === '') {
      editor.current?.replace(template);
      return;
    }
    const before = sheet;
    changeSheet(() => sheetOf(language, template));
    renew(language);
    toast('The example is back.', {
      label: 'Undo',
      run: () => {
        changeSheet(() => before);
        renew(language);
      },
    });
  };

  const onReset = useEffectEvent(() => {
    reset();
    setResetting(false);
  });
  const canReset = resetting && example !== null;
  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- once, when the example has come
    if (canReset) onReset();
  }, [canReset]);

  const deleteFile = (name: string) => {
    const before = sheet;
    changeSheet((present) => withoutFile(present, name));
    renew(keyOf(name));
    toast(`${name} was deleted.`, {
      label: 'Undo',
      run: () => {
        changeSheet(() => before);
      },
    });
  };

  const goTo = (problem: Diagnostic) => {
    const name = (problem.file ?? source).replace(/^\.\//, '');
    setView('code');
    if (sheet.files.some((each) => each.name === name)) {
      changeSheet((present) => ({ ...present, active: name }));
    }
    // After the editor has turned to the file.
    requestAnimationFrame(() => {
      if (problem.line > 0) editor.current?.goTo(problem.line, problem.column);
    });
  };

  const open = (found: Opened) => {
    const before = saved;
    setWorkspace((present) =>
      withRecent(
        withVersion(
          {
            ...present,
            ...found.shared,
            sheets: { ...present.sheets, [found.language]: found.sheet },
          },
          found.language,
          found.versionId,
        ),
        found.language,
      ),
    );
    renew(found.language);
    run.add(found.job, {
      language: found.language,
      label: found.job.language.name,
      expected: found.shared.expected,
      own: found.own,
    });
    const left =
      found.left.length > 0 ? ` Not shown, for they are no text: ${found.left.join(', ')}.` : '';
    toast(`The run is open.${left}`, {
      label: 'Undo',
      run: () => {
        setWorkspace(before);
        renew(found.language);
      },
    });
    doneOpening();
  };

  const isWorkAtRisk = (found: Opened) => {
    const present = saved.sheets[found.language];
    const inputAtRisk = saved.stdin !== '' && saved.stdin !== found.shared.stdin;
    return inputAtRisk || (present !== undefined && !sameFiles(present.files, found.sheet.files));
  };
  const asking = opened.phase === 'ready' && isWorkAtRisk(opened.opened);

  const onOpened = useEffectEvent(() => {
    if (opened.phase === 'ready' && !asking) open(opened.opened);
    if (opened.phase === 'failed') {
      toast(`That run can’t be opened. ${opened.problem.detail}`);
      doneOpening();
    }
  });
  useEffect(() => {
    // eslint-disable-next-line react-hooks/set-state-in-effect -- once, when an answer has come
    onOpened();
  }, [opened]);

  const toNextPart = (by: number) => {
    const parts = [...(main.current?.querySelectorAll<HTMLElement>('[data-part]') ?? [])];
    const at = parts.findIndex((part) => part.contains(document.activeElement));
    const next = parts[(at + by + parts.length) % parts.length];
    const name = next?.dataset.part as View | undefined;
    if (!next || !name) return;
    setView(name);
    requestAnimationFrame(() => {
      next
        .querySelector<HTMLElement>('.cm-content, textarea, pre, [role=tab][tabindex="0"], button')
        ?.focus();
    });
  };

  const onKey = useEffectEvent((event: KeyboardEvent) => {
    const mod = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (document.querySelector('dialog[open]')) return;
    if (mod && key === 'enter' && !event.repeat) start();
    else if (mod && !event.shiftKey && !event.altKey && key === 's') {
      const kept = keepNow();
      toast(
        kept
          ? 'Your work is kept in this browser.'
          : 'This browser keeps nothing: its storage is full or blocked.',
      );
    } else if (mod && !event.shiftKey && !event.altKey && key === 'k') setPicking(true);
    else if (event.key === 'F6') toNextPart(event.shiftKey ? -1 : 1);
    else if (event.key === '?' && !isTyping(event.target)) setShowKeys(true);
    else return;
    event.preventDefault();
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      onKey(event);
    };
    window.addEventListener('keydown', listener);
    return () => {
      window.removeEventListener('keydown', listener);
    };
  }, []);

  return (
    <main ref={main} className="main">
      <h1 className="visually-hidden">Run code in a sandbox</h1>
      <LanguagesNotice state={languagesState} onRetry={retry} />
      <div className="toolbar">
        <LanguagePicker
          languages={languages}
          loading={languagesState.phase === 'loading'}
          recent={workspace.recent}
          value={language}
          versionId={workspace.versions[language] ?? null}
          open={picking}
          onOpen={setPicking}
          onChoose={(choice) => {
            setWorkspace((before) =>
              withRecent(withVersion(before, choice.key, choice.versionId), choice.key),
            );
          }}
        />
        {isOwn && (
          <button
            type="button"
            className="button quiet"
            title="Bring the example back; undo returns your code"
            onClick={() => {
              setResetting(true);
            }}
          >
            <Icon name="reset" />
            <span className="wide-only">Reset</span>
            <span className="visually-hidden"> to the example</span>
          </button>
        )}
        <button
          type="button"
          className="button quiet keys-button"
          title="Keys (?)"
          aria-label="Keys"
          onClick={() => {
            setShowKeys(true);
          }}
        >
          <Icon name="keys" />
        </button>
        <RunButton sending={sending} disabled={!canRun} onRun={start} />
      </div>
      <nav className="views" aria-label="Parts of the page">
        {(Object.keys(views) as View[]).map((name) => (
          <button
            key={name}
            type="button"
            aria-current={view === name ? 'true' : undefined}
            onClick={() => {
              setView(name);
            }}
          >
            {views[name]}
          </button>
        ))}
      </nav>
      <div
        className="workbench"
        data-view={view}
        style={{ '--code': `${layout.code}%`, '--input': `${layout.input}%` } as CSSProperties}
      >
        <section className="panel panel-code" data-part="code" aria-labelledby="code-title">
          <h2 id="code-title" className="visually-hidden">
            Code
          </h2>
          <div className="panel-head">
            <FileTabs
              language={language}
              sheet={sheet}
              faulty={faulty}
              controls="code-body"
              onShow={(name) => {
                changeSheet((present) => ({ ...present, active: name }));
              }}
              onAdd={(name) => {
                renew(keyOf(name));
                changeSheet((present) => withFile(present, name));
              }}
              onRename={(from, to) => {
                renew(keyOf(from), keyOf(to));
                changeSheet((present) => withFileRenamed(present, from, to));
              }}
              onDelete={deleteFile}
            />
          </div>
          <div
            id="code-body"
            className="code-body"
            role="tabpanel"
            aria-labelledby={`file-tab-${sheet.active}`}
          >
            <Suspense fallback={<div className="editor" />}>
              {known ? (
                <Editor
                  ref={editor}
                  documentKey={documentKey}
                  initialText={file?.text ?? ''}
                  mode={modeForFile(language, sheet.active, source)}
                  label={`Code, ${languageName}, ${sheet.active}`}
                  describedBy="editor-keys"
                  nonce={nonce}
                  problems={problems}
                  onChange={(text) => {
                    changeSheet((present) => withText(present, sheet.active, text));
                  }}
                />
              ) : (
                <div className="editor" />
              )}
            </Suspense>
            <p id="editor-keys" className="editor-keys">
              <kbd>Tab</kbd> indents. <kbd>Esc</kbd>, then <kbd>Tab</kbd>, leaves the editor.
            </p>
          </div>
        </section>

        <Splitter
          label="Width of the code"
          orientation="vertical"
          value={layout.code}
          min={25}
          max={75}
          initial={initialLayout.code}
          onChange={(code) => {
            setLayout({ code });
          }}
        />

        <div className="side">
          <InputPanel
            workspace={workspace}
            sheet={sheet}
            languageName={languageName}
            onChange={(change) => {
              setWorkspace((before) => ({ ...before, ...change }));
            }}
            onSheet={(next) => {
              changeSheet(() => next);
            }}
          />
          <Splitter
            label="Height of the input"
            orientation="horizontal"
            value={layout.input}
            min={15}
            max={75}
            initial={initialLayout.input}
            onChange={(input) => {
              setLayout({ input });
            }}
          />
          <ResultPanel
            runs={runs}
            onAgain={start}
            onShow={run.show}
            onRemove={run.remove}
            onFollow={run.followAgain}
            onLeave={run.leave}
            onGoTo={goTo}
          />
        </div>
      </div>
      <Suspense>
        {showKeys && (
          <KeysDialog
            mac={onMac()}
            onClose={() => {
              setShowKeys(false);
            }}
          />
        )}
        {asking && (
          <ReplaceDialog
            languageName={
              languages.find(({ key }) => key === opened.opened.language)?.name ??
              opened.opened.language
            }
            onReplace={() => {
              open(opened.opened);
            }}
            onCancel={doneOpening}
          />
        )}
      </Suspense>
    </main>
  );
}

function nameOf(languages: Language[], key: string, versionId: number | undefined): string {
  const language = languages.find((each) => each.key === key);
  const version = language?.versions?.find(({ id }) => id === versionId);
  return version?.name ?? language?.name ?? key;
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches('input, textarea, select'))
  );
}
