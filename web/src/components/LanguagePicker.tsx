import { lazy, Suspense, useEffect, useId, useRef, useState } from 'react';
import type { Language } from '@/lib/api';
import type { Choice } from '@/lib/languageChoices';
import { Icon } from './Icon';

const load = () => import('./LanguageList');
const LanguageList = lazy(() => load().then((module) => ({ default: module.LanguageList })));

/** The wanted language if it is installed, else Python, else the first that is a language. */
export function pickLanguage(wanted: string, languages: Language[]): string {
  const has = (key: string) => languages.some((language) => language.key === key);
  if (languages.length === 0 || has(wanted)) return wanted;
  if (has('python')) return 'python';
  const first = languages.find(({ key }) => key !== 'text' && key !== 'multi-file') ?? languages[0];
  return first?.key ?? wanted;
}

interface Props {
  languages: Language[];
  loading: boolean;
  recent: string[];
  value: string;
  versionId: number | null;
  open: boolean;
  onOpen: (open: boolean) => void;
  onChoose: (choice: Choice) => void;
}

export function LanguagePicker(props: Props) {
  const { languages, loading, recent, value, versionId, open, onOpen, onChoose } = props;
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const list = useId();
  // The list is fetched when someone comes near it, and stays then.
  const [near, setNear] = useState(false);

  const language = languages.find(({ key }) => key === value);
  const version = language?.versions?.find(({ id }) => id === versionId);
  const name = version?.name ?? language?.name ?? value;
  const at = name.indexOf(' (');
  const [label, detail] =
    at === -1 ? [name, ''] : [name.slice(0, at), name.slice(at + 2).replace(/\)$/, '')];

  useEffect(() => {
    if (!open) return;
    const leave = (event: Event) => {
      if (event.target instanceof Node && !place.current?.contains(event.target)) onOpen(false);
    };
    document.addEventListener('pointerdown', leave);
    document.addEventListener('focusin', leave);
    return () => {
      document.removeEventListener('pointerdown', leave);
      document.removeEventListener('focusin', leave);
    };
  }, [open, onOpen]);

  const comeNear = () => {
    if (!near) void load().catch(() => undefined);
    setNear(true);
  };

  return (
    <div ref={place} className="picker">
      <button
        ref={button}
        type="button"
        className="button picker-button"
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-controls={open ? list : undefined}
        aria-keyshortcuts="Control+K Meta+K"
        disabled={languages.length === 0}
        data-language={value}
        onPointerEnter={comeNear}
        onFocus={comeNear}
        onClick={() => {
          onOpen(!open);
        }}
      >
        <span className="visually-hidden">Language: </span>
        <span className="picker-name">
          {languages.length > 0 ? label : loading ? 'Loading…' : 'No language'}
        </span>
        {languages.length > 0 && detail !== '' && <span className="picker-version">{detail}</span>}
        <Icon name="chevron" />
      </button>
      {open && (
        <div id={list} className="picker-list" role="dialog" aria-label="Choose a language">
          <Suspense fallback={<p className="hush">Loading…</p>}>
            <LanguageList
              languages={languages}
              recent={recent}
              value={value}
              versionId={versionId}
              onChoose={(choice) => {
                onOpen(false);
                onChoose(choice);
                button.current?.focus();
              }}
              onCancel={() => {
                onOpen(false);
                button.current?.focus();
              }}
            />
          </Suspense>
        </div>
      )}
    </div>
  );
}
