const paths = {
  play: 'M5 3.2v9.6c0 .6.7 1 1.2.7l7-4.8a.8.8 0 0 0 0-1.4l-7-4.8c-.5-.3-1.2.1-1.2.7Z',
  system: 'M2.5 3.5h11v7h-11zM6 13.5h4M8 10.5v3',
  sun: 'M8 5.2a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.6ZM8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  moon: 'M13.3 9.7A5.7 5.7 0 0 1 6.3 2.7a5.7 5.7 0 1 0 7 7Z',
  reset: 'M3 3v3.5h3.5M3.3 6.3A5.3 5.3 0 1 1 2.7 9.2',
  chevron: 'm4.5 6.5 3.5 3.5 3.5-3.5',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  plus: 'M8 3v10M3 8h10',
  search: 'M7 2.8a4.2 4.2 0 1 1 0 8.4 4.2 4.2 0 0 1 0-8.4ZM10.2 10.2 13.5 13.5',
  keys: 'M1.8 4h12.4v8H1.8zM4 6.5h.01M6.6 6.5h.01M9.3 6.5h.01M12 6.5h.01M5 9.5h6',
  compare: 'M2.5 3h4.5v10H2.5zM9 3h4.5v10H9z',
  check: 'm3 8.5 3.3 3.3L13 4.8',
  trash: 'M2.5 4.5h11M6 4.5v-2h4v2M4 4.5l.6 9h6.8l.6-9M6.6 7v4M9.4 7v4',
  share: 'M8 10V2M5.2 4.6 8 1.8l2.8 2.8M4.5 7H3v7h10V7h-1.5',
  pencil: 'm3 13 .6-2.8 7-7 2.2 2.2-7 7zM9.4 4.4l2.2 2.2',
  key: 'M10.5 2.5a3 3 0 1 1-2.6 4.5L2.5 12.4v1.1h2.2v-1.7h1.7v-1.6l1.5-1.5',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={`icon icon-${name}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
