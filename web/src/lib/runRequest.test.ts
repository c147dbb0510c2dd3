import { describe, expect, it } from 'vitest';
import { exampleFor } from './examples';
import { optionsFor, requestFor } from './runRequest';
import { emptyWorkspace, noLimits, sheetOf, withFile, withText } from './workspace';
import { fromBase64, unzip } from './zip';
import { asWork } from './openRun';
import type { WholeRun } from './history';

describe('what is sent', () => {
  it('is no more than was asked for', () => {
    const request = requestFor(emptyWorkspace, sheetOf('python', 'pass\n'));
    expect(request).toEqual({ code: 'pass\n', language: 'python', stdin: '' });
  });

  it('has all that was set', () => {
    const workspace = {
      ...emptyWorkspace,
      language: 'c',
      stdin: 'in',
      expected: '',
      arguments: ' -v ',
      versions: { c: 75 },
      limits: { ...noLimits, cpuTime: 1.5, memory: 64 },
    };
    const sheet = { ...sheetOf('c', 'int x;'), options: ' -O2' };
    expect(requestFor(workspace, sheet)).toEqual({
      code: 'int x;',
      language: '75',
      stdin: 'in',
      arguments: '-v',
      compilerOptions: '-O2',
      expectedOutput: '',
      limits: { cpuTime: 1.5, memory: 65536 },
    });
  });

  it('packs further files, and tells the compiler of those it would not find', async () => {
    const sheet = withText(
      withFile(withFile(sheetOf('c', 'x'), 'util.h'), 'util.c'),
      'util.c',
      'y',
    );
    const request = requestFor({ ...emptyWorkspace, language: 'c' }, sheet);
    expect(request.compilerOptions).toBe('util.c');
    const { files } = await unzip(fromBase64(request.additionalFiles ?? ''));
    expect(files).toEqual(sheet.files.slice(1));
    expect(optionsFor('c', { ...sheet, options: '-O2 util.c' })).toBe('-O2 util.c');
  });

  it('packs all files of a multi-file program', async () => {
    const sheet = sheetOf('multi-file', exampleFor('multi-file'));
    const request = requestFor({ ...emptyWorkspace, language: 'multi-file' }, sheet);
    expect(request).not.toHaveProperty('code');
    const { files } = await unzip(fromBase64(request.additionalFiles ?? ''));
    expect(files.map(({ name }) => name)).toEqual([
      'run',
      'compile',
      'main.c',
      'greet.c',
      'greet.h',
    ]);
  });
});

describe('a run of before', () => {
  const languages = [
    { id: 50, key: 'c', name: 'C' },
    { id: 89, key: 'multi-file', name: 'Multi-file program' },
  ];

  it.each(['c', 'multi-file'])('comes back as the work it was: %s', async (language) => {
    const workspace = { ...emptyWorkspace, language, stdin: 'in', expected: 'out' };
    const sheet =
      language === 'c'
        ? { ...withFile(sheetOf('c', 'x'), 'util.c'), options: '-O2' }
        : sheetOf(language, 'r');
    const sent = requestFor(workspace, sheet);
    const job = {
      jobId: 'x',
      language: languages.find(({ key }) => key === language),
      program: {
        code: sent.code ?? null,
        stdin: sent.stdin,
        expectedOutput: sent.expectedOutput,
        arguments: null,
        compilerOptions: sent.compilerOptions ?? null,
        additionalFiles: sent.additionalFiles ?? null,
      },
    } as unknown as WholeRun;
    const opened = await asWork(job, languages);
    expect(opened.language).toBe(language);
    expect(opened.sheet).toEqual({ ...sheet, active: sheet.files[0]?.name });
    expect(opened.shared).toEqual({ stdin: 'in', expected: 'out', arguments: '' });
  });
});
