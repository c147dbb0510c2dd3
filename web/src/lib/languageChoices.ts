import type { Language } from './api';
import { groups, traitsOf } from './languages';

/** What else people call languages; their names, keys and files are searched as well. */
const aliases: Record<string, string> = {
  assembly: 'asm nasm x86',
  bash: 'sh shell',
  'common-lisp': 'cl sbcl',
  cpp: 'c++ cxx',
  csharp: 'c# cs .net dotnet mono',
  elixir: 'ex exs',
  erlang: 'erl',
  fsharp: 'f# fs .net dotnet',
  go: 'golang',
  haskell: 'hs ghc',
  javascript: 'js node nodejs ecmascript',
  java: 'jdk openjdk',
  kotlin: 'kt',
  'multi-file': 'files zip archive make',
  'objective-c': 'objc',
  ocaml: 'ml',
  octave: 'matlab',
  pascal: 'delphi fpc',
  perl: 'pl',
  prolog: 'swipl',
  python: 'py python3 cpython',
  'python-for-ml': 'py numpy pandas machine learning science',
  ruby: 'rb',
  rust: 'rs',
  scala: 'jvm',
  sql: 'sqlite database',
  text: 'txt cat',
  typescript: 'ts',
  vbnet: 'visual basic vb .net dotnet',
};

/** One line of the language list: a language, or one of its other versions. */
export interface Choice {
  key: string;
  /** null: what the key alone stands for. */
  versionId: number | null;
  label: string;
  version: string;
}

/** All that can be chosen; a language with several versions has a choice for each. */
export function choicesOf(languages: Language[]): Choice[] {
  return languages.flatMap(({ key, id, name, versions = [] }) => {
    const first = choice(key, null, name);
    const others = versions
      .filter((version) => version.id !== id && version.name !== name)
      .map((version) => choice(key, version.id, version.name));
    return [first, ...others];
  });
}

function choice(key: string, versionId: number | null, name: string): Choice {
  const at = name.indexOf(' (');
  if (at === -1) return { key, versionId, label: name, version: '' };
  return {
    key,
    versionId,
    label: name.slice(0, at),
    version: name.slice(at + 2).replace(/\)$/, ''),
  };
}

export interface ChoiceGroup {
  name: string;
  choices: Choice[];
}

/**
 * The choices that fit a search, in groups; without a search the recently used come first, too.
 * Every word of the search must begin a word of the name, or of another name of it, or be part of the
 * key.
 */
export function groupChoices(all: Choice[], search: string, recent: string[]): ChoiceGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ key, label, version }: Choice) => {
    const text =
      ` ${label} ${version} ${key} ${traitsOf(key).source} ${aliases[key] ?? ''}`.toLowerCase();
    return words.every((word) => text.includes(` ${word}`) || key.includes(word));
  };
  const found = all.filter(fits);
  const list: ChoiceGroup[] = groups.map((name) => ({
    name,
    choices: found.filter(({ key }) => traitsOf(key).group === name),
  }));
  if (words.length === 0) {
    const used = recent.flatMap(
      (key) => found.find((other) => other.key === key && other.versionId === null) ?? [],
    );
    list.unshift({ name: 'Recent', choices: used });
  }
  return list.filter(({ choices }) => choices.length > 0);
}

/** The key and the version that stand for a language id, for work that comes from elsewhere. */
export function languageById(
  languages: Language[],
  id: number,
): { key: string; versionId: number | null } | null {
  for (const language of languages) {
    if (language.id === id) return { key: language.key, versionId: null };
    if (language.versions?.some((version) => version.id === id)) {
      return { key: language.key, versionId: id };
    }
  }
  return null;
}
