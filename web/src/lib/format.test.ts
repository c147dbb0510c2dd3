import { describe, expect, it } from 'vitest';
import { formatKilobytes, formatSeconds, formatWait } from './format';
import { formatSignal, preview } from './outputFormat';

describe('figures', () => {
  it('formats times', () => {
    expect([0, 0.021, 1.234, 12.34].map(formatSeconds)).toEqual([
      '0 ms',
      '21 ms',
      '1.23 s',
      '12.3 s',
    ]);
  });

  it('formats memory', () => {
    expect([512, 9412, 262144].map(formatKilobytes)).toEqual(['512 KB', '9.2 MB', '256 MB']);
  });

  it('says how long to wait', () => {
    expect([1, 18, 100, 7000].map(formatWait)).toEqual([
      '1 second',
      '18 seconds',
      '2 minutes',
      '2 hours',
    ]);
  });

  it('names the signals people meet', () => {
    expect(formatSignal(11)).toBe('SIGSEGV (11)');
    expect(formatSignal(64)).toBe('64');
  });
});

describe('preview', () => {
  it('leaves short text alone', () => {
    expect(preview('')).toBe('');
    expect(preview('one\ntwo')).toBe('one\ntwo');
    expect(preview('one\ntwo\n')).toBe('one\ntwo\n');
  });

  it('cuts many lines after a whole line', () => {
    const cut = preview('x\n'.repeat(100_000));
    expect(cut).toBe('x\n'.repeat(1500));
  });

  it('cuts long lines after a whole line, too', () => {
    const line = 'y'.repeat(999) + '\n';
    const cut = preview(line.repeat(1000));
    expect(cut).toBe(line.repeat(60));
  });

  it('cuts a single endless line somewhere', () => {
    expect(preview('z'.repeat(1_000_000))).toHaveLength(60_000);
  });
});
