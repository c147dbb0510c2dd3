import type { SourceFile } from './workspace';

/**
 * A small zip of files as they are: what programs consist of is too short to be worth compressing
 * before it crosses one connection. Names and texts are UTF-8.
 */
export function zip(files: SourceFile[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const file of files) {
    const name = encoder.encode(file.name);
    const content = encoder.encode(file.text);
    const common = new Uint8Array(26);
    const view = new DataView(common.buffer);
    view.setUint16(0, 20, true); // version needed
    view.setUint16(2, 0x0800, true); // the name is UTF-8
    view.setUint16(4, 0, true); // stored
    view.setUint16(8, 0x21, true); // 1 January 1980: the time says nothing
    view.setUint32(10, crc32(content), true);
    view.setUint32(14, content.length, true);
    view.setUint32(18, content.length, true);
    view.setUint16(22, name.length, true);
    local.push(signature(0x04034b50), common, name, content);

    const rest = new Uint8Array(14);
    new DataView(rest.buffer).setUint32(10, offset, true);
    // The attributes of a file that its owner may run: "compile" and "run" are programs.
    new DataView(rest.buffer).setUint32(6, 0o100755 * 0x10000, true);
    central.push(signature(0x02014b50), new Uint8Array([20, 3]), common, rest, name);
    offset += 4 + 26 + name.length + content.length;
  }
  const size = lengthOf(central);
  const end = new Uint8Array(18);
  const view = new DataView(end.buffer);
  view.setUint16(4, files.length, true);
  view.setUint16(6, files.length, true);
  view.setUint32(8, size, true);
  view.setUint32(12, offset, true);
  return joined([...local, ...central, signature(0x06054b50), end]);
}

/** What a zip may unfold to: more is not a program that people edit. */
const MAX_ENTRIES = 100;
const MAX_BYTES = 4 * 1024 * 1024;

/** The text files of a zip, and the names of what is none. Throws where it is no zip. */
export async function unzip(
  bytes: Uint8Array<ArrayBuffer>,
): Promise<{ files: SourceFile[]; left: string[] }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error('this is no zip');
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);

  const files: SourceFile[] = [];
  const left: string[] = [];
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (view.getUint32(at, true) !== 0x02014b50) throw new Error('the zip is damaged');
    const method = view.getUint16(at + 10, true);
    const packed = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const nameLength = view.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const header = view.getUint32(at + 42, true);
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (name.endsWith('/')) continue;
    total += size;
    if (i >= MAX_ENTRIES || total > MAX_BYTES) {
      left.push(name);
      continue;
    }
    const start =
      header + 30 + view.getUint16(header + 26, true) + view.getUint16(header + 28, true);
    const content = bytes.subarray(start, start + packed);
    // What is stored as it is has the length that it says, or it was not counted above.
    const stored = method === 0 && content.length === size ? content : null;
    const text = asText(method === 8 ? await inflate(content, size) : stored);
    if (text === null) left.push(name);
    else files.push({ name, text });
  }
  return { files, left };
}

/** At most `size` bytes, whatever the stream goes on to say. */
async function inflate(content: Uint8Array<ArrayBuffer>, size: number): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > size) {
        await reader.cancel();
        return null;
      }
      parts.push(value);
    }
  } catch {
    return null;
  }
  return joined(parts);
}

function asText(content: Uint8Array | null): string | null {
  if (content?.includes(0) !== false) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return null;
  }
}

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function signature(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function lengthOf(parts: Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
