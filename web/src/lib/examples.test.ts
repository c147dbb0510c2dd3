import { describe, expect, it } from 'vitest';
import { exampleFor } from './examples';

const keys = 'c cpp java python go rust javascript typescript bash text'.split(' ');

describe('examples', () => {
  it.each(keys)('has one for %s that ends in a line break', (key) => {
    expect(exampleFor(key)).toMatch(/\S\n$/);
  });

  it('has none for a language it does not know', () => {
    expect(exampleFor('cobol')).toBe('');
  });
});
