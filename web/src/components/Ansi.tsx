import type { CSSProperties } from 'react';
import { parseAnsi, type AnsiLook } from '@/lib/ansi';

/** Text as a terminal would colour it. Pieces are text nodes: nothing in them is markup. */
export function Ansi({ text }: { text: string }) {
  if (!/[\x1b\r\x00-\x08]/.test(text)) return text;
  return parseAnsi(text).map(({ text: piece, look }, index) =>
    Object.keys(look).length === 0 ? (
      piece
    ) : (
      <span key={index} className={classOf(look)} style={styleOf(look)}>
        {piece}
      </span>
    ),
  );
}

function classOf(look: AnsiLook): string {
  return (['bold', 'faint', 'italic', 'underline', 'strike'] as const)
    .filter((name) => look[name])
    .map((name) => `ansi-${name}`)
    .join(' ');
}

function styleOf({ colour, background, inverse }: AnsiLook): CSSProperties {
  const [asked, back] = inverse
    ? [background ?? 'var(--surface)', colour ?? 'var(--text)']
    : [colour, background];
  const front = back === undefined ? asked : frontOn(back, asked);
  return {
    ...(front !== undefined && { color: css(front) }),
    ...(back !== undefined && { backgroundColor: css(back) }),
  };
}

/**
 * The palette is made to be read on this page's ground, and so the ground's colour can be read on the
 * palette; two colours of it on each other often can't. Of its own two colours a program is the judge.
 */
function frontOn(back: number | string, asked: number | string | undefined): number | string {
  const [red, green, blue] = (typeof back === 'string' ? back.match(/\d+/g) : null) ?? [];
  if (blue === undefined) return 'var(--surface)';
  if (typeof asked === 'string' && asked.startsWith('rgb')) return asked;
  const light = 0.3 * Number(red) + 0.59 * Number(green) + 0.11 * Number(blue);
  return light > 140 ? '#000' : '#fff';
}

function css(colour: number | string): string {
  return typeof colour === 'number' ? `var(--ansi-${colour})` : colour;
}
