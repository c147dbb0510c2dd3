import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64, unzip, zip } from './zip';

const files = [
  { name: 'util.py', text: 'x = "größer ✓ 漢字"\n' },
  { name: 'data/empty.txt', text: '' },
];

describe('zip', () => {
  it('is read back', async () => {
    expect(await unzip(zip(files))).toEqual({ files, left: [] });
  });

  it('is what other programs read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandgate-zip-'));
    writeFileSync(join(folder, 'a.zip'), zip(files));
    execFileSync('python3', ['-m', 'zipfile', '-e', 'a.zip', 'out'], { cwd: folder });
    expect(readFileSync(join(folder, 'out/util.py'), 'utf8')).toBe(files[0]?.text);
    const tested = execFileSync('python3', ['-m', 'zipfile', '-t', 'a.zip'], { cwd: folder });
    expect(tested.toString()).toContain('Done testing');
  });

  it('survives Base64', () => {
    const bytes = zip([{ name: 'large.txt', text: 'abc'.repeat(50_000) }]);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  });
});

/** A stored zip whose one entry is made a compressed one. */
function deflated(content: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const packed = deflateRawSync(content);
  const name = 'x';
  const bytes = zip([{ name, text: ' '.repeat(packed.length) }]);
  bytes.set(packed, 30 + name.length);
  const view = new DataView(bytes.buffer);
  const central = 30 + name.length + packed.length;
  view.setUint16(central + 10, 8, true);
  view.setUint32(central + 24, size, true);
  return bytes;
}

describe('unzip', () => {
  const text = new TextEncoder().encode('hello '.repeat(100));

  it('reads what others compressed', async () => {
    const { files: found } = await unzip(deflated(text, text.length));
    expect(found).toEqual([{ name: 'x', text: 'hello '.repeat(100) }]);
  });

  it('leaves out what is longer than it says, too long, or no text', async () => {
    expect((await unzip(deflated(text, 10))).left).toEqual(['x']);
    expect((await unzip(deflated(text, 2 ** 31))).left).toEqual(['x']);
    const binary = new Uint8Array([0x7f, 0x45, 0, 1]);
    expect((await unzip(deflated(binary, binary.length))).left).toEqual(['x']);
  });

  it('leaves out what is stored and says that it is shorter', async () => {
    const bytes = zip([{ name: 'x', text: 'hello' }]);
    new DataView(bytes.buffer).setUint32(30 + 1 + 5 + 24, 1, true);
    expect(await unzip(bytes)).toEqual({ files: [], left: ['x'] });
  });

  it('refuses what is no zip', async () => {
    await expect(unzip(new Uint8Array(100))).rejects.toThrow('no zip');
  });
});
