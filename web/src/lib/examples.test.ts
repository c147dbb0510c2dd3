import { describe, expect, it } from 'vitest';
import { exampleFor } from './examples';
import { firstExample } from './firstExample';
import { knownLanguages } from './languages';

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
