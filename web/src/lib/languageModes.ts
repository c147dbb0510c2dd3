import type { Extension } from '@codemirror/state';
import { keymap } from '@codemirror/view';

/** Each editor language is its own chunk, fetched when it is first chosen. */
const loaders: Record<string, () => Promise<Extension>> = {
  c: cpp,
  cpp,
  java: async () => (await import('@codemirror/lang-java')).java(),
  python: async () => (await import('@codemirror/lang-python')).python(),
  go: async () => (await import('@codemirror/lang-go')).go(),
  rust: async () => (await import('@codemirror/lang-rust')).rust(),
  javascript: async () => (await import('@codemirror/lang-javascript')).javascript(),
  typescript: async () =>
    (await import('@codemirror/lang-javascript')).javascript({ typescript: true }),
  bash: async () => {
    const [{ StreamLanguage }, { shell }] = await Promise.all([
      import('@codemirror/language'),
      import('@codemirror/legacy-modes/mode/shell'),
    ]);
    return StreamLanguage.define(shell);
  },
};

async function cpp(): Promise<Extension> {
  return (await import('@codemirror/lang-cpp')).cpp();
}

/** Plain text, for languages without a mode, is no extension at all. */
export async function loadLanguageMode(key: string): Promise<Extension> {
  const load = loaders[key];
  if (!load) return [];
  // Closing brackets comes along here since most modes bring its package anyway.
  const [mode, { closeBrackets, closeBracketsKeymap }] = await Promise.all([
    load(),
    import('@codemirror/autocomplete'),
  ]);
  return [mode, closeBrackets(), keymap.of(closeBracketsKeymap)];
}

const INDENT: Record<string, string> = { go: '\t', javascript: '  ', typescript: '  ', bash: '  ' };

export function indentUnitFor(key: string): string {
  return INDENT[key] ?? '    ';
}
