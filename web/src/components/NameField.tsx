import { useEffect, useId, useRef, useState } from 'react';
import { freeName, nameFault } from '@/lib/fileNames';
import type { Sheet } from '@/lib/workspace';

interface NameProps {
  sheet: Sheet;
  from: string | null;
  onName: (name: string) => void;
  onCancel: () => void;
}

/** Where a file gets its name. */
export function NameField({ sheet, from, onName, onCancel }: NameProps) {
  const [name, setName] = useState(from ?? freeName(sheet));
  const input = useRef<HTMLInputElement>(null);
  const fault = nameFault(sheet, name, from);
  const id = useId();

  useEffect(() => {
    const end = input.current?.value.lastIndexOf('.') ?? -1;
    input.current?.focus();
    input.current?.setSelectionRange(0, end > 0 ? end : 999);
  }, []);

  return (
    <div className="file-name">
      <input
        ref={input}
        type="text"
        aria-label={from === null ? 'Name of the new file' : `New name of ${from}`}
        aria-invalid={fault !== null}
        aria-describedby={id}
        autoCapitalize="off"
        autoComplete="off"
        spellCheck={false}
        value={name}
        onChange={(event) => {
          setName(event.target.value.trim());
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel();
          else if (event.key === 'Enter' && fault === null) onName(name);
          else return;
          event.preventDefault();
          event.stopPropagation();
        }}
        onBlur={() => {
          if (fault === null) onName(name);
          else onCancel();
        }}
      />
      <span id={id} role="status" className="file-fault">
        {fault}
      </span>
    </div>
  );
}
