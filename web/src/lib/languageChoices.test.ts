import { describe, expect, it } from 'vitest';
import { choicesOf, groupChoices, languageById } from './languageChoices';
import { knownLanguages } from './languages';

const languages = [
  {
    id: 50,
    key: 'c',
    name: 'C (GCC 14)',
    versions: [
      { id: 75, name: 'C (Clang 19)' },
      { id: 50, name: 'C (GCC 14)' },
      { id: 49, name: 'C (GCC 14)' },
    ],
  },
  { id: 71, key: 'python', name: 'Python (3.13)' },
  { id: 43, key: 'text', name: 'Plain Text' },
];
const all = choicesOf(languages);
const labels = (search: string, recent: string[] = []) =>
  groupChoices(all, search, recent).map(({ name, choices }) => [
    name,
    ...choices.map(({ label, version }) => `${label} ${version}`.trim()),
  ]);

describe('the list of languages', () => {
  it('is in groups, with other versions beside their language', () => {
    expect(labels('')).toEqual([
      ['Scripts', 'Python 3.13'],
      ['Systems', 'C GCC 14', 'C Clang 19'],
      ['Other', 'Plain Text'],
    ]);
  });

  it('begins with what was used last, but not while one searches', () => {
    expect(labels('', ['text', 'gone'])[0]).toEqual(['Recent', 'Plain Text']);
    expect(labels('text', ['text'])).toEqual([['Other', 'Plain Text']]);
  });

  it('is searched by name, version, key and file', () => {
    expect(labels('clang')).toEqual([['Systems', 'C Clang 19']]);
    expect(labels('pyth 3')).toEqual([['Scripts', 'Python 3.13']]);
    expect(labels('main.c')).toEqual([['Systems', 'C GCC 14', 'C Clang 19']]);
    expect(labels('nothing')).toEqual([]);
  });

  it('is searched by what else people call a language', () => {
    expect(labels('py')).toEqual([['Scripts', 'Python 3.13']]);
    expect(labels('txt')).toEqual([['Other', 'Plain Text']]);
    const found = (search: string) =>
      groupChoices(
        choicesOf(knownLanguages.map((key, id) => ({ id, key, name: key }))),
        search,
        [],
      ).flatMap(({ choices }) => choices.map(({ key }) => key));
    expect(found('c++')).toEqual(['cpp']);
    expect(found('c#')).toEqual(['csharp']);
    expect(found('golang')).toEqual(['go']);
    expect(found('node')).toEqual(['javascript']);
    expect(found('shell')).toEqual(['bash']);
  });
});

it('finds a language by the id of any of its versions', () => {
  expect(languageById(languages, 71)).toEqual({ key: 'python', versionId: null });
  expect(languageById(languages, 75)).toEqual({ key: 'c', versionId: 75 });
  expect(languageById(languages, 1)).toBeNull();
});
