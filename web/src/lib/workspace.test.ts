import { describe, expect, it } from 'vitest';
import { freeName, nameFault } from './fileNames';
import {
  emptyWorkspace,
  isTemplate,
  loadWorkspace,
  saveWorkspace,
  sheetFor,
  sheetOf,
  withFile,
  withFileRenamed,
  withoutFile,
  withRecent,
  withSheet,
  withText,
  type Workspace,
} from './workspace';

function memory(content: string | null = null) {
  let kept = content;
  return {
    getItem: () => kept,
    setItem: (_key: string, value: string) => {
      kept = value;
    },
  };
}

const mine = sheetOf('python', 'mine');

describe('storage', () => {
  it('gives back what was saved', () => {
    const store = memory();
    const workspace: Workspace = {
      version: 2,
      language: 'c',
      stdin: 'a\nb',
      expected: '',
      arguments: '-v',
      limits: { cpuTime: 2, wallTime: null, memory: 64 },
      sheets: { c: { ...withFile(sheetOf('c', 'int x;'), 'x.h'), options: '-O2' } },
      versions: { c: 75 },
      recent: ['c', 'go'],
    };
    saveWorkspace(() => store, workspace);
    expect(loadWorkspace(() => store)).toEqual(workspace);
  });

  it.each([null, 'not json', 'null', '7', '{"language":1,"code":"x"}'])(
    'starts afresh from %j',
    (content) => {
      expect(loadWorkspace(() => memory(content))).toEqual(emptyWorkspace);
    },
  );

  it('takes over what the first version kept', () => {
    const store = memory('{"language":"c","stdin":"in","code":{"c":"int x;","go":null}}');
    expect(loadWorkspace(() => store)).toEqual({
      ...emptyWorkspace,
      language: 'c',
      stdin: 'in',
      sheets: { c: sheetOf('c', 'int x;') },
    });
  });

  it('keeps the good part of a damaged entry', () => {
    const damaged = {
      version: 2,
      limits: { cpuTime: -1, memory: 64 },
      sheets: {
        c: { files: [{ name: 'main.c', text: 'x' }, { name: 3 }], active: 'gone' },
        go: { files: [] },
      },
      recent: ['c', 4],
    };
    const found = loadWorkspace(() => memory(JSON.stringify(damaged)));
    expect(found.sheets).toEqual({ c: sheetOf('c', 'x') });
    expect(found.limits).toEqual({ cpuTime: null, wallTime: null, memory: 64 });
    expect(found.recent).toEqual(['c']);
  });

  it('survives storage that is blocked or full', () => {
    const blocked = () => {
      throw new Error('SecurityError');
    };
    expect(loadWorkspace(blocked)).toEqual(emptyWorkspace);
    expect(saveWorkspace(blocked, emptyWorkspace)).toBe(false);
  });
});

describe('a sheet per language', () => {
  it('is the template until there is an edit', () => {
    expect(sheetFor(emptyWorkspace, 'template').files).toEqual([
      { name: 'script.py', text: 'template' },
    ]);
    expect(sheetFor(withSheet(emptyWorkspace, mine, 'template'), 'template')).toEqual(mine);
  });

  it('keeps an edit while another language is chosen', () => {
    const other = { ...withSheet(emptyWorkspace, mine, 'template'), language: 'rust' };
    expect(sheetFor(other, 'rust template').files[0]?.text).toBe('rust template');
    expect(sheetFor({ ...other, language: 'python' }, 'template')).toEqual(mine);
  });

  it('forgets an edit that ends at the template', () => {
    const edited = withSheet(emptyWorkspace, mine, 'template');
    const back = withSheet(edited, withText(mine, 'script.py', 'template'), 'template');
    expect(back.sheets).toEqual({});
  });

  it('counts options and further files as edits', () => {
    const sheet = sheetOf('c', 'template');
    expect(isTemplate('c', sheet, 'template')).toBe(true);
    expect(isTemplate('c', { ...sheet, options: '-O2' }, 'template')).toBe(false);
    expect(isTemplate('c', withFile(sheet, 'a.h'), 'template')).toBe(false);
  });
});

describe('files', () => {
  const two = withFile(mine, 'data/in.txt');

  it('are added, renamed and removed, and one of them is shown', () => {
    expect(two.active).toBe('data/in.txt');
    expect(withFileRenamed(two, 'data/in.txt', 'in.txt').active).toBe('in.txt');
    expect(withoutFile(two, 'data/in.txt')).toEqual(mine);
  });

  it.each(['', '../up', '/root', 'a//b', './a', 'a b', 'script.py', 'data', 'x'.repeat(101)])(
    'refuses the name %j',
    (name) => {
      expect(nameFault(two, name, null)).not.toBeNull();
    },
  );

  it('takes names with folders, and the name that a file has', () => {
    expect(nameFault(two, 'data/more/x.csv', null)).toBeNull();
    expect(nameFault(two, 'script.py', 'script.py')).toBeNull();
  });

  it('finds a free name with the ending of the program', () => {
    expect(freeName(withFile(two, 'file1.py'))).toBe('file2.py');
  });

  it('are twenty at most', () => {
    let sheet = mine;
    while (sheet.files.length < 20) sheet = withFile(sheet, freeName(sheet));
    expect(nameFault(sheet, 'one-more.py', null)).toMatch(/20/);
  });
});

it('remembers the last languages, each once', () => {
  let workspace = emptyWorkspace;
  for (const key of ['c', 'go', 'c', 'rust', 'java', 'php', 'lua'])
    workspace = withRecent(workspace, key);
  expect(workspace.recent).toEqual(['lua', 'php', 'java', 'rust', 'c']);
});
