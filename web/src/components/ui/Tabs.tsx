import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react';

export interface Tab {
  id: string;
  label: ReactNode;
  /** What a screen reader says, where the label is too short for it. */
  name?: string;
  title?: string;
}

interface Props {
  /** Begins the ids of the tabs: `${prefix}-tab-${id}`. */
  prefix: string;
  label: string;
  tabs: Tab[];
  value: string;
  /** The id of the element that shows what is chosen. */
  controls?: string;
  onChange: (id: string) => void;
  /** Keys besides those that move between tabs. */
  onKey?: (event: KeyboardEvent, id: string) => void;
  onDoubleClick?: (id: string) => void;
}

/** A row of tabs: one of them takes the focus, the arrow keys move it and choose. */
export function Tabs(props: Props) {
  const { prefix, label, tabs, value, controls, onChange, onKey, onDoubleClick } = props;
  const list = useRef<HTMLDivElement>(null);

  // The chosen tab stays in sight, also when the row becomes narrower.
  useEffect(() => {
    const row = list.current;
    if (!row) return;
    const watcher = new ResizeObserver(() => {
      const tab = row.querySelector('[aria-selected=true]')?.getBoundingClientRect();
      if (!tab) return;
      const { left, right } = row.getBoundingClientRect();
      if (tab.right > right) row.scrollLeft += tab.right - right;
      if (tab.left < left) row.scrollLeft -= left - tab.left;
    });
    watcher.observe(row);
    return () => {
      watcher.disconnect();
    };
  }, [value, tabs.length]);

  const choose = (index: number) => {
    const tab = tabs[(index + tabs.length) % tabs.length];
    if (!tab) return;
    onChange(tab.id);
    list.current
      ?.querySelectorAll<HTMLElement>('[role=tab]')
      .item((index + tabs.length) % tabs.length)
      .focus();
  };

  return (
    <div ref={list} role="tablist" aria-label={label} className="tabs">
      {tabs.map((tab, index) => {
        const selected = tab.id === value;
        return (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${prefix}-tab-${tab.id}`}
            className="tab"
            aria-selected={selected}
            aria-controls={controls}
            aria-label={tab.name}
            title={tab.title}
            tabIndex={selected ? 0 : -1}
            onClick={() => {
              onChange(tab.id);
            }}
            onDoubleClick={() => {
              onDoubleClick?.(tab.id);
            }}
            onKeyDown={(event) => {
              if (event.ctrlKey || event.metaKey || event.altKey) return;
              const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: -1 }[
                event.key
              ];
              if (to === undefined) {
                onKey?.(event, tab.id);
                return;
              }
              event.preventDefault();
              choose(to);
            }}
          >
            {tab.label}
          </button>
        );
      })}
    </div>
  );
}
