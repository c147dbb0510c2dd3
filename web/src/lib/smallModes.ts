import { clike } from '@codemirror/legacy-modes/mode/clike';
import { simpleMode } from '@codemirror/legacy-modes/mode/simple-mode';
import type { StreamParser } from '@codemirror/language';

// Languages that have no mode of their own to load: words, texts, numbers and comments.

const number = {
  regex: /\b(?:0x[\da-f_]+|0b[01_]+|\d[\d_]*(?:\.\d+)?(?:e[+-]?\d+)?)\b/i,
  token: 'number',
};

const words = (list: string, flags = '') =>
  new RegExp(`(?:${list.trim().split(/\s+/).join('|')})(?![\\w?!])`, flags);

export const elixir = simpleMode({
  start: [
    { regex: /#.*/, token: 'comment' },
    { regex: /"""/, token: 'string', next: 'heredoc' },
    { regex: /"(?:[^"\\]|\\.)*"?/, token: 'string' },
    { regex: /~[a-z](?:\([^)]*\)|\/[^/]*\/|\[[^\]]*\]|"[^"]*")/i, token: 'string' },
    { regex: /:[a-z_]\w*[?!]?|\w+:(?=\s)/i, token: 'atom' },
    { regex: words('true false nil'), token: 'atom' },
    {
      regex: words(
        'after alias and case catch cond def defmodule defp defstruct defmacro do else end fn for if import in not or quote raise receive require rescue try unless use when with',
      ),
      token: 'keyword',
    },
    number,
    { regex: /@\w+/, token: 'meta' },
    { regex: /[A-Z]\w*/, token: 'type' },
    { regex: /[a-z_]\w*[?!]?(?=\()/, token: 'variableName.function' },
    { regex: /[a-z_]\w*[?!]?/, token: 'variableName' },
  ],
  heredoc: [
    { regex: /.*?"""/, token: 'string', next: 'start' },
    { regex: /.*/, token: 'string' },
  ],
  languageData: { name: 'elixir', commentTokens: { line: '#' }, indentOnInput: /^\s*(end|else)$/ },
});

export const prolog = simpleMode({
  start: [
    { regex: /%.*/, token: 'comment' },
    { regex: /\/\*/, token: 'comment', next: 'comment' },
    { regex: /'(?:[^'\\]|\\.|'')*'?|"(?:[^"\\]|\\.)*"?/, token: 'string' },
    { regex: /:-|-->|\\\+|->|=\.\.|\bis\b|!/, token: 'keyword' },
    number,
    { regex: /[A-Z_]\w*/, token: 'variableName' },
    { regex: /[a-z]\w*(?=\()/, token: 'variableName.function' },
    { regex: /[a-z]\w*/, token: 'atom' },
  ],
  comment: [
    { regex: /.*?\*\//, token: 'comment', next: 'start' },
    { regex: /.*/, token: 'comment' },
  ],
  languageData: {
    name: 'prolog',
    commentTokens: { line: '%', block: { open: '/*', close: '*/' } },
  },
});

export const assembly = simpleMode({
  start: [
    { regex: /;.*/, token: 'comment' },
    { regex: /'[^']*'?|"[^"]*"?|`[^`]*`?/, token: 'string' },
    {
      regex: words(
        'section global extern default bits equ times db dw dd dq resb resw resd resq',
        'i',
      ),
      token: 'keyword',
    },
    { regex: /%\w+/, token: 'meta' },
    {
      regex: words(
        '[re]?[abcd]x [abcd][hl] [re]?[sd]il? [re]?[sb]p [re]?ip r[89][dwb]? r1[0-5][dwb]? xmm\\d+ ymm\\d+',
        'i',
      ),
      token: 'atom',
    },
    number,
    { regex: /^\s*[.\w$]+(?=:)/, sol: true, token: 'variableName.function' },
    { regex: /[.\w$]+/, token: 'variableName' },
  ],
  languageData: { name: 'assembly', commentTokens: { line: ';' } },
});

const set = (list: string) => Object.fromEntries(list.split(' ').map((word) => [word, true]));

const phpWords =
  'abstract and array as break case catch class clone const continue declare default do echo else elseif empty enum extends final finally fn for foreach function global goto if implements include include_once instanceof insteadof interface isset list match namespace new or print private protected public readonly require require_once return static switch throw trait try unset use var while xor yield';

export const php: StreamParser<unknown> = clike({
  name: 'php',
  keywords: set(phpWords),
  types: set('bool callable float int iterable mixed never object string void self parent'),
  blockKeywords: set('catch do else elseif for foreach if switch try while finally match'),
  atoms: set('true false null TRUE FALSE NULL __CLASS__ __DIR__ __FILE__ __LINE__ __METHOD__'),
  multiLineStrings: true,
  hooks: {
    $: (stream: { eatWhile: (pattern: RegExp) => void }) => {
      stream.eatWhile(/\w/);
      return 'variableName.special';
    },
    '#': (stream: { skipToEnd: () => void }) => {
      stream.skipToEnd();
      return 'comment';
    },
    '<': (stream: { match: (pattern: RegExp) => unknown }) =>
      stream.match(/^\?(?:php|=)?/) ? 'meta' : false,
    '?': (stream: { match: (pattern: RegExp) => unknown }) => (stream.match(/^>/) ? 'meta' : false),
  },
});
