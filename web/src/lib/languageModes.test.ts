import { describe, expect, it } from 'vitest';
import { indentUnitFor, loadLanguageMode } from './languageModes';

const keys = 'c cpp java python go rust javascript typescript bash'.split(' ');

describe('loadLanguageMode', () => {
  it.each(keys)('loads a mode for %s', async (key) => {
    expect(await loadLanguageMode(key)).not.toEqual([]);
  });

  it('falls back to plain text', async () => {
    expect(await loadLanguageMode('text')).toEqual([]);
    expect(await loadLanguageMode('cobol')).toEqual([]);
  });
});

describe('indentUnitFor', () => {
  it('follows the habits of the language', () => {
    expect(['go', 'javascript', 'python', 'cobol'].map(indentUnitFor)).toEqual([
      '\t',
      '  ',
      '    ',
      '    ',
    ]);
  });
});
