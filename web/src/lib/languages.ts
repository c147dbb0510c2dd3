/** What the page knows of a language of the catalogue by its key. */
export interface LanguageTraits {
  group: Group;
  /** The file that the program is written to; the first tab. */
  source: string;
  /** Whether compiler options mean something. */
  compiled: boolean;
  /** Endings of further files that its compiler must be told to take along. */
  companions?: string;
}

export const groups = [
  'Scripts',
  'Systems',
  'Java and .NET',
  'Functional and logic',
  'Data and science',
  'Other',
] as const;
export type Group = (typeof groups)[number];

const script = (source: string, group: Group = 'Scripts'): LanguageTraits => ({
  group,
  source,
  compiled: false,
});
const compiled = (source: string, group: Group = 'Systems', companions?: string) => ({
  group,
  source,
  compiled: true,
  ...(companions !== undefined && { companions }),
});

const traits: Record<string, LanguageTraits> = {
  assembly: compiled('main.asm'),
  bash: script('script.sh'),
  basic: compiled('main.bas', 'Other'),
  c: compiled('main.c', 'Systems', 'c'),
  clojure: script('main.clj', 'Functional and logic'),
  cobol: compiled('main.cob', 'Other'),
  'common-lisp': script('script.lisp', 'Functional and logic'),
  cpp: compiled('main.cpp', 'Systems', 'cpp'),
  csharp: compiled('Main.cs', 'Java and .NET', 'cs'),
  d: compiled('main.d'),
  elixir: script('script.exs', 'Functional and logic'),
  erlang: script('main.erl', 'Functional and logic'),
  fortran: compiled('main.f90', 'Data and science', 'f90'),
  fsharp: compiled('script.fsx', 'Java and .NET'),
  go: compiled('main.go'),
  groovy: compiled('script.groovy', 'Java and .NET'),
  haskell: compiled('main.hs', 'Functional and logic'),
  java: compiled('Main.java', 'Java and .NET'),
  javascript: script('script.js'),
  kotlin: compiled('Main.kt', 'Java and .NET', 'kt'),
  lua: { ...script('script.lua'), compiled: true },
  'objective-c': compiled('main.m', 'Systems', 'm'),
  ocaml: compiled('main.ml', 'Functional and logic', 'ml'),
  octave: script('script.m', 'Data and science'),
  pascal: compiled('main.pas'),
  perl: script('script.pl'),
  php: script('script.php'),
  prolog: compiled('main.pro', 'Functional and logic'),
  python: script('script.py'),
  'python-for-ml': script('script.py', 'Data and science'),
  r: script('script.r', 'Data and science'),
  ruby: script('script.rb'),
  rust: compiled('main.rs'),
  scala: compiled('Main.scala', 'Java and .NET', 'scala'),
  sql: script('script.sql', 'Data and science'),
  swift: compiled('Main.swift'),
  text: script('text.txt', 'Other'),
  typescript: compiled('script.ts', 'Scripts'),
  vbnet: compiled('Main.vb', 'Java and .NET'),
  'multi-file': script('run', 'Other'),
};

export const knownLanguages = Object.keys(traits);

export const MULTI_FILE = 'multi-file';

export function traitsOf(key: string): LanguageTraits {
  return traits[key] ?? { group: 'Other', source: 'main.txt', compiled: true };
}
