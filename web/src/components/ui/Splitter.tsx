import { useRef } from 'react';

interface Props {
  label: string;
  /** How the line runs: a vertical one is moved left and right. */
  orientation: 'vertical' | 'horizontal';
  /** How much the first side has, in percent. */
  value: number;
  min: number;
  max: number;
  initial: number;
  onChange: (value: number) => void;
}

const STEP = 2;

/** The line between two panes, moved by dragging, by the arrow keys, and back by a double click. */
export function Splitter({ label, orientation, value, min, max, initial, onChange }: Props) {
  const dragged = useRef(false);
  const vertical = orientation === 'vertical';
  const set = (percent: number) => {
    onChange(Math.round(Math.min(max, Math.max(min, percent)) * 10) / 10);
  };

  return (
    // A separator that can be moved is a widget; the rules know only the other kind.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      role="separator"
      aria-label={label}
      aria-orientation={orientation}
      aria-valuenow={Math.round(value)}
      aria-valuemin={min}
      aria-valuemax={max}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      className="splitter"
      data-orientation={orientation}
      onKeyDown={(event) => {
        const by = {
          ArrowLeft: vertical ? -STEP : 0,
          ArrowRight: vertical ? STEP : 0,
          ArrowUp: vertical ? 0 : -STEP,
          ArrowDown: vertical ? 0 : STEP,
          Home: min - value,
          End: max - value,
        }[event.key];
        if (event.key === 'Enter') set(initial);
        else if (by) set(value + by);
        else return;
        event.preventDefault();
      }}
      onPointerDown={(event) => {
        if (event.button !== 0) return;
        dragged.current = true;
        event.currentTarget.setPointerCapture(event.pointerId);
        event.preventDefault();
      }}
      onPointerMove={(event) => {
        const box = event.currentTarget.parentElement?.getBoundingClientRect();
        if (!dragged.current || !box) return;
        set(
          vertical
            ? ((event.clientX - box.left) / box.width) * 100
            : ((event.clientY - box.top) / box.height) * 100,
        );
      }}
      onLostPointerCapture={() => {
        dragged.current = false;
      }}
      onDoubleClick={() => {
        set(initial);
      }}
    />
  );
}
