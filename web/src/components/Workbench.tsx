import { lazy, Suspense, useEffect, useEffectEvent, useRef } from 'react';
import { exampleFor } from '@/lib/examples';
import { codeFor, withCode } from '@/lib/workspace';
import type { EditorHandle } from './Editor';
import { Icon } from './Icon';
import { InputPanel } from './InputPanel';
import { LanguagePicker, pickLanguage } from './LanguagePicker';
import { LanguagesNotice } from './LanguagesNotice';
import { ResultPanel } from './ResultPanel';
import { RunButton } from './RunButton';
import { useLanguages } from './useLanguages';
import { useRun } from './useRun';
import { useWorkspace } from './useWorkspace';

const Editor = lazy(() => import('./Editor').then((module) => ({ default: module.Editor })));

export function Workbench({ nonce }: { nonce: string }) {
  const { state: languagesState, retry } = useLanguages();
  const languages = languagesState.phase === 'ready' ? languagesState.languages : [];
  const [saved, setWorkspace] = useWorkspace();
  const run = useRun();
  const editor = useRef<EditorHandle>(null);
  const result = useRef<HTMLElement>(null);

  // The remembered language may not be installed here; then show one that is.
  const workspace = { ...saved, language: pickLanguage(saved.language, languages) };
  const { language, stdin } = workspace;
  const example = exampleFor(language);
  const code = codeFor(workspace, example);
  const languageName = languages.find(({ key }) => key === language)?.name ?? language;

  const running = run.state.phase === 'running';
  const canRun = languages.length > 0;

  const start = () => {
    if (running || !canRun) return;
    run.start({ code, language, stdin });
  };

  useEffect(() => {
    if (running) showOnNarrowScreen(result.current);
  }, [running]);

  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey) || event.repeat) return;
    event.preventDefault();
    start();
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
    <main className="main">
      <LanguagesNotice state={languagesState} onRetry={retry} />
      <div className="workbench">
        <section className="panel panel-code" aria-labelledby="code-title">
          <h2 id="code-title" className="visually-hidden">
            Code
          </h2>
          <div className="panel-head code-head">
            <LanguagePicker
              languages={languages}
              loading={languagesState.phase === 'loading'}
              value={language}
              onChange={(next) => {
                setWorkspace({ ...workspace, language: next });
              }}
            />
            {code !== example && (
              <button
                type="button"
                className="button quiet"
                title="Bring the example back; undo returns your code"
                onClick={() => editor.current?.replace(example)}
              >
                <Icon name="reset" />
                Reset<span className="visually-hidden"> to the example</span>
              </button>
            )}
            <RunButton running={running} disabled={!canRun} onRun={start} />
          </div>
          <div className="code-body">
            <Suspense fallback={<div className="editor" />}>
              <Editor
                ref={editor}
                language={language}
                initialCode={code}
                label={`Code, ${languageName}`}
                describedBy="editor-keys"
                nonce={nonce}
                onChange={(next) => {
                  setWorkspace((before) => withCode({ ...before, language }, next, example));
                }}
              />
            </Suspense>
            <p id="editor-keys" className="editor-keys">
              <kbd>Tab</kbd> indents. <kbd>Esc</kbd>, then <kbd>Tab</kbd>, leaves the editor.
            </p>
          </div>
        </section>

        <InputPanel
          value={stdin}
          onChange={(next) => {
            setWorkspace((before) => ({ ...before, stdin: next }));
          }}
        />

        <ResultPanel
          ref={result}
          state={run.state}
          onAgain={start}
          onFollow={run.followAgain}
          onLeave={run.leave}
        />
      </div>
    </main>
  );
}

/** Stacked, the result is below the fold: bring it up, but leave the focus where it is. */
function showOnNarrowScreen(result: HTMLElement | null) {
  if (!result || matchMedia('(min-width: 900px)').matches) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  result.scrollIntoView({ block: 'start', behavior: still ? 'auto' : 'smooth' });
}
