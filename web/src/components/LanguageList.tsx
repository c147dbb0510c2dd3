import { useEffect, useId, useRef, useState } from 'react';
import type { Language } from '@/lib/api';
import { choicesOf, groupChoices, type Choice } from '@/lib/languageChoices';
import { Icon } from './Icon';

interface Props {
  languages: Language[];
  recent: string[];
  value: string;
  versionId: number | null;
  onChoose: (choice: Choice) => void;
  onCancel: () => void;
}

/** A search with the languages that fit below it; the focus stays in the search. */
export function LanguageList({ languages, recent, value, versionId, onChoose, onCancel }: Props) {
  const [search, setSearch] = useState('');
  const groups = groupChoices(choicesOf(languages), search, recent);
  const choices = groups.flatMap((group) => group.choices);
  const isChosen = (choice: Choice) => choice.key === value && choice.versionId === versionId;
  const [active, setActive] = useState(() => Math.max(0, choices.findIndex(isChosen)));
  const index = Math.min(active, choices.length - 1);
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    input.current?.focus();
  }, []);
  useEffect(() => {
    list.current?.querySelector('[data-active=true]')?.scrollIntoView({ block: 'nearest' });
  }, [index, search]);

  const move = (to: number) => {
    setActive(Math.max(0, Math.min(choices.length - 1, to)));
  };

  let position = -1;
  return (
    <>
      <div className="picker-search">
        <Icon name="search" />
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label="Search languages"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={index >= 0 ? `${id}-${index}` : undefined}
          placeholder="Search languages"
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={search}
          onChange={(event) => {
            setSearch(event.target.value);
            setActive(0);
          }}
          onKeyDown={(event) => {
            const chosen = choices[index];
            if (event.key === 'ArrowDown') move(index + 1);
            else if (event.key === 'ArrowUp') move(index - 1);
            else if (event.key === 'PageDown') move(index + 8);
            else if (event.key === 'PageUp') move(index - 8);
            else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
              if (chosen) onChoose(chosen);
            } else if (event.key === 'Escape') onCancel();
            else return;
            event.preventDefault();
          }}
        />
      </div>
      <div ref={list} id={`${id}-list`} role="listbox" aria-label="Languages" className="options">
        {groups.map((group) => (
          <div key={group.name} role="group" aria-labelledby={`${id}-${group.name}`}>
            <div id={`${id}-${group.name}`} className="options-title" role="presentation">
              {group.name}
            </div>
            {group.choices.map((choice) => {
              const own = ++position;
              return (
                // The keys are the search's; see above.
                // eslint-disable-next-line jsx-a11y/click-events-have-key-events
                <div
                  key={`${choice.key} ${choice.versionId ?? ''}`}
                  id={`${id}-${own}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={isChosen(choice)}
                  data-active={own === index}
                  data-key={choice.key}
                  className="option"
                  onPointerMove={() => {
                    if (own !== index) setActive(own);
                  }}
                  onPointerDown={(event) => {
                    event.preventDefault(); // the focus stays in the search
                  }}
                  onClick={() => {
                    onChoose(choice);
                  }}
                >
                  <span>{choice.label}</span>
                  <span className="option-version">{choice.version}</span>
                  {isChosen(choice) && <Icon name="check" />}
                </div>
              );
            })}
          </div>
        ))}
      </div>
      <p role="status" className={choices.length === 0 ? 'hush' : 'visually-hidden'}>
        {choices.length === 0
          ? `No language here is called “${search}”.`
          : search && `${choices.length} found`}
      </p>
    </>
  );
}
