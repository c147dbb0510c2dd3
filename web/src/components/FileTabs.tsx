import { lazy, Suspense, useRef, useState } from 'react';
import { isFixed, type Sheet } from '@/lib/workspace';
import { Icon } from './Icon';
import { Tabs } from './ui/Tabs';

const NameField = lazy(() =>
  import('./NameField').then((module) => ({ default: module.NameField })),
);

interface Props {
  language: string;
  sheet: Sheet;
  /** Names of files with problems. */
  faulty: Set<string>;
  controls: string;
  onShow: (name: string) => void;
  onAdd: (name: string) => void;
  onRename: (from: string, to: string) => void;
  onDelete: (name: string) => void;
}

/** The files of the program; one of them at a time can be given another name or be deleted. */
export function FileTabs(props: Props) {
  const { language, sheet, faulty, controls, onShow, onAdd, onRename, onDelete } = props;
  const [naming, setNaming] = useState<{ from: string | null } | null>(null);
  const place = useRef<HTMLDivElement>(null);
  const fixed = isFixed(language, sheet, sheet.active);

  const backToTabs = () => {
    setNaming(null);
    requestAnimationFrame(() => {
      place.current?.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
    });
  };

  return (
    <div ref={place} className="file-bar">
      <Tabs
        prefix="file"
        label="Files"
        tabs={sheet.files.map(({ name }) => ({
          id: name,
          label: (
            <>
              {name}
              {faulty.has(name) && (
                <span className="dot" data-tone="bad">
                  <span className="visually-hidden"> has problems</span>
                </span>
              )}
            </>
          ),
        }))}
        value={sheet.active}
        controls={controls}
        onChange={onShow}
        onKey={(event, name) => {
          if (isFixed(language, sheet, name)) return;
          if (event.key === 'F2') setNaming({ from: name });
          else if (event.key === 'Delete') onDelete(name);
        }}
        onDoubleClick={(name) => {
          if (!isFixed(language, sheet, name)) setNaming({ from: name });
        }}
      />
      {naming ? (
        <Suspense>
          <NameField
            key={naming.from ?? ''}
            sheet={sheet}
            from={naming.from}
            onCancel={backToTabs}
            onName={(name) => {
              if (naming.from === null) onAdd(name);
              else if (name !== naming.from) onRename(naming.from, name);
              backToTabs();
            }}
          />
        </Suspense>
      ) : (
        <>
          <button
            type="button"
            className="button quiet icon-only"
            aria-label="Add a file"
            title="Add a file"
            onClick={() => {
              setNaming({ from: null });
            }}
          >
            <Icon name="plus" />
          </button>
          {!fixed && (
            <div className="file-actions">
              <button
                type="button"
                className="button quiet icon-only"
                aria-label={`Rename ${sheet.active}`}
                title="Rename (F2)"
                onClick={() => {
                  setNaming({ from: sheet.active });
                }}
              >
                <Icon name="pencil" />
              </button>
              <button
                type="button"
                className="button quiet icon-only"
                aria-label={`Delete ${sheet.active}`}
                title="Delete"
                onClick={() => {
                  onDelete(sheet.active);
                  backToTabs();
                }}
              >
                <Icon name="trash" />
              </button>
            </div>
          )}
        </>
      )}
    </div>
  );
}
