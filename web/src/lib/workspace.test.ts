import { describe, expect, it } from 'vitest';
import { codeFor, emptyWorkspace, loadWorkspace, saveWorkspace, withCode } from './workspace';

function memory(content: string | null = null) {
  let kept = content;
  return {
    getItem: () => kept,
    setItem: (_key: string, value: string) => {
      kept = value;
    },
  };
}

describe('storage', () => {
  it('gives back what was saved', () => {
    const store = memory();
    const workspace = { language: 'go', stdin: 'a\nb', code: { go: 'package main' } };
    saveWorkspace(() => store, workspace);
    expect(loadWorkspace(() => store)).toEqual(workspace);
  });

  it.each([null, 'not json', 'null', '7', '{"language":1,"code":"x"}'])(
    'starts afresh from %j',
    (content) => {
      expect(loadWorkspace(() => memory(content))).toEqual(emptyWorkspace);
    },
  );

  it('keeps the good part of a damaged entry', () => {
    const store = memory('{"language":"c","stdin":3,"code":{"c":"int x;","go":null}}');
    expect(loadWorkspace(() => store)).toEqual({ language: 'c', stdin: '', code: { c: 'int x;' } });
  });

  it('survives storage that is blocked or full', () => {
    const blocked = () => {
      throw new Error('SecurityError');
    };
    expect(loadWorkspace(blocked)).toEqual(emptyWorkspace);
    expect(() => {
      saveWorkspace(blocked, emptyWorkspace);
    }).not.toThrow();
  });
});

describe('code per language', () => {
  it('shows the example until there is an edit', () => {
    expect(codeFor(emptyWorkspace, 'example')).toBe('example');
    const edited = withCode(emptyWorkspace, 'mine', 'example');
    expect(codeFor(edited, 'example')).toBe('mine');
  });

  it('keeps an edit while another language is chosen', () => {
    const edited = withCode(emptyWorkspace, 'mine', 'example');
    const other = { ...edited, language: 'rust' };
    expect(codeFor(other, 'rust example')).toBe('rust example');
    expect(codeFor({ ...other, language: 'python' }, 'example')).toBe('mine');
  });

  it('keeps an emptied editor empty', () => {
    expect(codeFor(withCode(emptyWorkspace, '', 'example'), 'example')).toBe('');
  });

  it('forgets an edit that ends at the example', () => {
    const edited = withCode(emptyWorkspace, 'mine', 'example');
    expect(withCode(edited, 'example', 'example').code).toEqual({});
  });
});
