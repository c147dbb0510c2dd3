import { closeBrackets, closeBracketsKeymap } from '@codemirror/autocomplete';
import { StreamLanguage, type StreamParser } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { keymap } from '@codemirror/view';

/** A mode that reads line by line; `comment` is what begins a comment where the mode does not say. */
async function stream(load: Promise<StreamParser<unknown>>, comment?: string): Promise<Extension> {
  const parser = await load;
  const languageData = { ...parser.languageData };
  if (comment !== undefined) languageData.commentTokens = { line: comment };
  return StreamLanguage.define({ ...parser, languageData });
}

const clike = () => import('@codemirror/legacy-modes/mode/clike');
const small = () => import('./smallModes');

async function cpp(): Promise<Extension> {
  return (await import('@codemirror/lang-cpp')).cpp();
}
async function python(): Promise<Extension> {
  return (await import('@codemirror/lang-python')).python();
}
function shell(): Promise<Extension> {
  return stream(import('@codemirror/legacy-modes/mode/shell').then((m) => m.shell));
}
function basic(): Promise<Extension> {
  return stream(import('@codemirror/legacy-modes/mode/vb').then((m) => m.vb));
}

/** Each editor language is its own chunk, fetched when it is first chosen. */
const loaders: Record<string, () => Promise<Extension>> = {
  c: cpp,
  cpp,
  java: async () => (await import('@codemirror/lang-java')).java(),
  python,
  'python-for-ml': python,
  go: async () => (await import('@codemirror/lang-go')).go(),
  rust: async () => (await import('@codemirror/lang-rust')).rust(),
  javascript: async () => (await import('@codemirror/lang-javascript')).javascript(),
  typescript: async () =>
    (await import('@codemirror/lang-javascript')).javascript({ typescript: true }),
  bash: shell,
  'multi-file': shell,
  assembly: () => stream(small().then((m) => m.assembly)),
  basic,
  clojure: () => stream(import('@codemirror/legacy-modes/mode/clojure').then((m) => m.clojure)),
  cobol: () =>
    stream(
      import('@codemirror/legacy-modes/mode/cobol').then((m) => m.cobol),
      '*>',
    ),
  'common-lisp': () =>
    stream(import('@codemirror/legacy-modes/mode/commonlisp').then((m) => m.commonLisp)),
  csharp: () => stream(clike().then((m) => m.csharp)),
  d: () => stream(import('@codemirror/legacy-modes/mode/d').then((m) => m.d)),
  elixir: () => stream(small().then((m) => m.elixir)),
  erlang: () => stream(import('@codemirror/legacy-modes/mode/erlang').then((m) => m.erlang)),
  fortran: () =>
    stream(
      import('@codemirror/legacy-modes/mode/fortran').then((m) => m.fortran),
      '!',
    ),
  fsharp: () => stream(import('@codemirror/legacy-modes/mode/mllike').then((m) => m.fSharp)),
  groovy: () => stream(import('@codemirror/legacy-modes/mode/groovy').then((m) => m.groovy)),
  haskell: () => stream(import('@codemirror/legacy-modes/mode/haskell').then((m) => m.haskell)),
  kotlin: () => stream(clike().then((m) => m.kotlin)),
  lua: () => stream(import('@codemirror/legacy-modes/mode/lua').then((m) => m.lua)),
  'objective-c': () => stream(clike().then((m) => m.objectiveC)),
  ocaml: () => stream(import('@codemirror/legacy-modes/mode/mllike').then((m) => m.oCaml)),
  octave: () =>
    stream(
      import('@codemirror/legacy-modes/mode/octave').then((m) => m.octave),
      '%',
    ),
  pascal: () =>
    stream(
      import('@codemirror/legacy-modes/mode/pascal').then((m) => m.pascal),
      '//',
    ),
  perl: () =>
    stream(
      import('@codemirror/legacy-modes/mode/perl').then((m) => m.perl),
      '#',
    ),
  php: () => stream(small().then((m) => m.php)),
  prolog: () => stream(small().then((m) => m.prolog)),
  r: () => stream(import('@codemirror/legacy-modes/mode/r').then((m) => m.r)),
  ruby: () => stream(import('@codemirror/legacy-modes/mode/ruby').then((m) => m.ruby)),
  scala: () => stream(clike().then((m) => m.scala)),
  sql: () => stream(import('@codemirror/legacy-modes/mode/sql').then((m) => m.sqlite)),
  swift: () => stream(import('@codemirror/legacy-modes/mode/swift').then((m) => m.swift)),
  vbnet: basic,
};

/** Plain text, for languages without a mode, is no extension at all. */
export async function loadLanguageMode(key: string): Promise<Extension> {
  const load = loaders[key];
  if (!load) return [];
  const mode = await load();
  return [mode, closeBrackets(), keymap.of(closeBracketsKeymap)];
}
