import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { exampleFor } from './examples';
import { firstExample } from './firstExample';
import { loadLanguageMode } from './languageModes';
import { knownLanguages, traitsOf } from './languages';

/** The languages of the engine's catalogue, installed here or not, by the gateway's keys. */
const catalogue = [
  ...new Set(
    [
      ...readFileSync(
        new URL('../../../judge0/language/catalogue.yaml', import.meta.url),
        'utf8',
      ).matchAll(/^ {4}name: (.+)$/gm),
    ].map(([, name = '']) => keyOf(name)),
  ),
];

/** As gateway/submission/language.go makes them. */
function keyOf(name: string): string {
  const own: Record<string, string> = {
    'C++': 'cpp',
    'C#': 'csharp',
    'Plain Text': 'text',
    'Multi-file program': 'multi-file',
  };
  return own[name] ?? name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

/** Takes a file that nobody writes in an editor. */
const unwritten = ['executable'];
const written = catalogue.filter((key) => !unwritten.includes(key));

describe('languages of the catalogue', () => {
  it('are all read', () => {
    expect(catalogue.length).toBeGreaterThan(35);
  });

  it.each(written)('%s has a place in the list, a file and an example', (key) => {
    expect(knownLanguages).toContain(key);
    expect(traitsOf(key).source).toMatch(/^\w+(\.\w+)?$/);
    expect(exampleFor(key)).toMatch(/\S\n$/);
  });

  it.each(written.filter((key) => key !== 'text'))('%s is coloured', async (key) => {
    expect(await loadLanguageMode(key)).not.toEqual([]);
  });
});

describe('examples', () => {
  it.each(knownLanguages)('has one for %s that ends in a line break', (key) => {
    expect(exampleFor(key)).toMatch(/\S\n$/);
  });

  it('has none for a language it does not know', () => {
    expect(exampleFor('whitespace')).toBe('');
  });

  it('begins with what newcomers find', () => {
    expect(exampleFor('python')).toBe(firstExample);
  });
});
