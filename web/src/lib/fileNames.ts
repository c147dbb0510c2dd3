import type { Sheet } from './workspace';

const MAX_FILES = 20;

/** Why a file can't have this name; null: it can. `present` is its name so far. */
export function nameFault(sheet: Sheet, name: string, present: string | null): string | null {
  if (name === present) return null;
  if (name === '') return 'A file needs a name.';
  if (name.length > 100) return 'That is too long for a name.';
  if (!/^[\w.+-]+(\/[\w.+-]+)*$/.test(name) || name.split('/').some((part) => /^\.+$/.test(part))) {
    return 'Use letters, digits, . _ - and / for folders.';
  }
  const clash = sheet.files.some(
    (file) =>
      file.name === name || file.name.startsWith(`${name}/`) || name.startsWith(`${file.name}/`),
  );
  if (clash) return 'There is a file with this name already.';
  if (present === null && sheet.files.length >= MAX_FILES)
    return `${MAX_FILES} files are the most.`;
  return null;
}

/** A name for one more file that is not taken. */
export function freeName(sheet: Sheet): string {
  const source = sheet.files[0]?.name ?? '';
  const ending = /\.\w+$/.exec(source)?.[0] ?? '.txt';
  for (let n = 1; ; n++) {
    const name = `file${n}${ending}`;
    if (nameFault(sheet, name, null) === null || n > MAX_FILES) return name;
  }
}
