import { useEffect, useState } from 'react';

/** Where the lines between the panes are, in percent. */
export interface Layout {
  code: number;
  input: number;
}

export const initialLayout: Layout = { code: 55, input: 28 };
const KEY = 'sandgate.layout';

/** The layout of this browser, kept over a reload. */
export function useLayout(): [Layout, (change: Partial<Layout>) => void] {
  const [layout, setLayout] = useState(read);
  useEffect(() => {
    try {
      localStorage.setItem(KEY, JSON.stringify(layout));
    } catch {
      // Without storage it lasts until the next load.
    }
  }, [layout]);
  return [
    layout,
    (change) => {
      setLayout((before) => ({ ...before, ...change }));
    },
  ];
}

function read(): Layout {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, unknown>;
    const percent = (value: unknown, otherwise: number) =>
      typeof value === 'number' && value >= 10 && value <= 90 ? value : otherwise;
    return {
      code: percent(kept.code, initialLayout.code),
      input: percent(kept.input, initialLayout.input),
    };
  } catch {
    return initialLayout;
  }
}
