import { deflateRawSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { fuzz, type Draw } from '@/testing/draw';
import { fromBase64, toBase64, unzip, zip } from './zip';

const MAX_BYTES = 4 * 1024 * 1024;
const PIECES = ['a', '/', '..', '.', 'main.py', '\0', 'größer ✓', '漢字', '\n', ' '.repeat(1000)];

function drawFiles(draw: Draw) {
  return draw.many(5, () => ({ name: `f${draw.text(PIECES, 3)}.c`, text: draw.text(PIECES) }));
}

/** A stored zip whose texts are made what a compressor would have written. */
function deflated(draw: Draw): Uint8Array<ArrayBuffer> {
  const packed = deflateRawSync(
    draw.chance(2) ? new Uint8Array(1_000_000).fill(65) : draw.bytes(50),
  );
  const bytes = zip([{ name: 'x', text: ' '.repeat(packed.length) }]);
  bytes.set(packed, 31);
  const view = new DataView(bytes.buffer);
  view.setUint16(31 + packed.length + 10, 8, true);
  view.setUint32(31 + packed.length + 24, draw.one([0, 50, 1_000_000, 2 ** 32 - 1]), true);
  return bytes;
}

describe('an archive', () => {
  fuzz('is read back as it was made', 100, async (draw) => {
    const files = drawFiles(draw);
    const bytes = zip(files);
    const read = await unzip(bytes);
    expect(read.files).toEqual(files.filter((file) => !file.text.includes('\0')));
    expect(read.left).toEqual(files.filter((file) => file.text.includes('\0')).map((f) => f.name));
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  });

  fuzz('that anybody made is refused, or read within bounds', 300, async (draw) => {
    const files = drawFiles(draw);
    if (draw.chance(10)) files.push({ name: 'large', text: 'x'.repeat(100_000) });
    const bytes = draw.chance(3) ? deflated(draw) : zip(files);
    const view = new DataView(bytes.buffer);
    for (const at of draw.many(5, () => draw.below(bytes.length))) {
      if (draw.chance(2) || at + 4 > bytes.length) bytes[at] = draw.below(256);
      else view.setUint32(at, draw.one([0, 1, bytes.length, 2 ** 31, 2 ** 32 - 1]), true);
    }
    const read = await unzip(bytes).catch((fault: unknown) => {
      expect(fault).toBeInstanceOf(Error);
      return null;
    });
    if (read === null) return;
    const size = read.files.reduce((sum, file) => sum + file.text.length, 0);
    expect(size).toBeLessThanOrEqual(MAX_BYTES);
    expect(read.files.length).toBeLessThanOrEqual(100);
  });

  fuzz('is not more than it may be, though it lists a file many times', 3, async (draw) => {
    const bytes = zip([{ name: 'x', text: 'x'.repeat(100_000 + draw.below(1000)) }]);
    const end = bytes.length - 22;
    const from = new DataView(bytes.buffer).getUint32(end + 16, true);
    const entry = bytes.slice(from, end);
    // It says of itself that it unfolds to nothing.
    new DataView(entry.buffer).setUint32(24, 0, true);
    const times = 90;
    const many = new Uint8Array(from + times * entry.length + 22);
    many.set(bytes.subarray(0, from));
    for (let i = 0; i < times; i++) many.set(entry, from + i * entry.length);
    many.set(bytes.subarray(end), from + times * entry.length);
    new DataView(many.buffer).setUint16(many.length - 22 + 10, times, true);
    const { files, left } = await unzip(many);
    expect(files.length + left.length).toBe(times);
    expect(files.reduce((sum, file) => sum + file.text.length, 0)).toBeLessThanOrEqual(MAX_BYTES);
  });
});
