import { describe, expect, it } from 'vitest';
import { indentUnitFor, modeForFile } from './fileModes';
import { loadLanguageMode } from './languageModes';
import { knownLanguages } from './languages';

const keys = knownLanguages.filter((key) => key !== 'text');

describe('loadLanguageMode', () => {
  it.each(keys)('loads a mode for %s', async (key) => {
    expect(await loadLanguageMode(key)).not.toEqual([]);
  });

  it('falls back to plain text', async () => {
    expect(await loadLanguageMode('text')).toEqual([]);
    expect(await loadLanguageMode('whitespace')).toEqual([]);
  });
});

describe('indentUnitFor', () => {
  it('follows the habits of the language', () => {
    expect(['go', 'javascript', 'python', 'whitespace'].map(indentUnitFor)).toEqual([
      '\t',
      '  ',
      '    ',
      '    ',
    ]);
  });
});

it('goes by the name of a file', () => {
  expect(modeForFile('python', 'script.py', 'script.py')).toBe('python');
  expect(modeForFile('python', 'lib/data.json', 'script.py')).toBe('javascript');
  expect(modeForFile('python-for-ml', 'util.py', 'script.py')).toBe('python-for-ml');
  expect(modeForFile('cpp', 'a.h', 'main.cpp')).toBe('cpp');
  expect(modeForFile('multi-file', 'compile', 'run')).toBe('multi-file');
  expect(modeForFile('multi-file', 'main.c', 'run')).toBe('c');
  expect(modeForFile('c', 'notes.txt', 'main.c')).toBe('text');
});
