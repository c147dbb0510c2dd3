const byEnding: Record<string, string> = {
  asm: 'assembly',
  bash: 'bash',
  c: 'c',
  cc: 'cpp',
  cpp: 'cpp',
  cs: 'csharp',
  f90: 'fortran',
  go: 'go',
  h: 'c',
  hpp: 'cpp',
  hs: 'haskell',
  java: 'java',
  js: 'javascript',
  json: 'javascript',
  kt: 'kotlin',
  lua: 'lua',
  mjs: 'javascript',
  php: 'php',
  pl: 'perl',
  py: 'python',
  rb: 'ruby',
  rs: 'rust',
  scala: 'scala',
  sh: 'bash',
  sql: 'sql',
  swift: 'swift',
  ts: 'typescript',
};

/** The mode for one file of a program: by its name, and the program's own for its source. */
export function modeForFile(language: string, name: string, source: string): string {
  if (name === source) return language;
  const ending = /\.([^./]+)$/.exec(name)?.[1];
  const sourceEnding = /\.([^./]+)$/.exec(source)?.[1];
  if (ending === undefined) return language === 'multi-file' ? language : 'text';
  if (ending === sourceEnding) return language;
  if (ending === 'h' && language === 'cpp') return 'cpp';
  return byEnding[ending] ?? 'text';
}

const TWO = new Set(
  'javascript typescript bash ruby elixir haskell clojure common-lisp scala lua ocaml r sql octave fortran cobol pascal multi-file'.split(
    ' ',
  ),
);

export function indentUnitFor(key: string): string {
  if (key === 'go') return '\t';
  return TWO.has(key) ? '  ' : '    ';
}
