import { MULTI_FILE, traitsOf } from './languages';

export interface SourceFile {
  name: string;
  text: string;
}

/** What belongs to one language: its files and how it is compiled. */
export interface Sheet {
  files: SourceFile[];
  /** The file that is shown. */
  active: string;
  options: string;
}

export interface Limits {
  /** Seconds. */
  cpuTime: number | null;
  /** Seconds. */
  wallTime: number | null;
  /** Megabytes. */
  memory: number | null;
}

/** What a person wrote and chose, kept in the browser over a reload. */
export interface Workspace {
  version: 2;
  language: string;
  stdin: string;
  /** What the output is compared with; null: it is not. */
  expected: string | null;
  arguments: string;
  limits: Limits;
  /** By language; only languages that were changed have one. */
  sheets: Record<string, Sheet>;
  /** By language; ids of versions that were chosen in place of the one a key stands for. */
  versions: Record<string, number>;
  /** Keys of languages, the last used first. */
  recent: string[];
}

const KEY = 'sandgate.workspace';
const RECENT = 5;

export const noLimits: Limits = { cpuTime: null, wallTime: null, memory: null };

export const emptyWorkspace: Workspace = {
  version: 2,
  language: 'python',
  stdin: '',
  expected: null,
  arguments: '',
  limits: noLimits,
  sheets: {},
  versions: {},
  recent: [],
};

type Store = Pick<Storage, 'getItem' | 'setItem'>;

/** Storage can be blocked, full or edited by hand: none of that may break the page. */
export function loadWorkspace(store: () => Store): Workspace {
  try {
    return parseWorkspace(JSON.parse(store().getItem(KEY) ?? 'null'));
  } catch {
    return emptyWorkspace;
  }
}

/** Resolves to whether the work was kept. */
export function saveWorkspace(store: () => Store, workspace: Workspace): boolean {
  try {
    store().setItem(KEY, JSON.stringify(workspace));
    return true;
  } catch {
    return false; // The work stays on the page; it only will not survive a reload.
  }
}

function parseWorkspace(value: unknown): Workspace {
  if (!isRecord(value)) return emptyWorkspace;
  const limits = isRecord(value.limits) ? value.limits : {};
  return {
    version: 2,
    language: text(value.language) ?? emptyWorkspace.language,
    stdin: text(value.stdin) ?? '',
    expected: text(value.expected),
    arguments: text(value.arguments) ?? '',
    limits: {
      cpuTime: amount(limits.cpuTime),
      wallTime: amount(limits.wallTime),
      memory: amount(limits.memory),
    },
    sheets: { ...sheetsOfVersion1(value.code), ...parseSheets(value.sheets) },
    versions: isRecord(value.versions)
      ? Object.fromEntries(
          Object.entries(value.versions).filter(
            (entry): entry is [string, number] => typeof entry[1] === 'number',
          ),
        )
      : {},
    recent: Array.isArray(value.recent)
      ? value.recent.filter((key): key is string => typeof key === 'string').slice(0, RECENT)
      : [],
  };
}

/** The first version kept one text for each language. */
function sheetsOfVersion1(code: unknown): Record<string, Sheet> {
  if (!isRecord(code)) return {};
  return Object.fromEntries(
    Object.entries(code).flatMap(([key, program]) =>
      typeof program === 'string' ? [[key, sheetOf(key, program)]] : [],
    ),
  );
}

function parseSheets(value: unknown): Record<string, Sheet> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, sheet]) => {
      if (!isRecord(sheet) || !Array.isArray(sheet.files)) return [];
      const files = sheet.files.filter(isFile).map(({ name, text }) => ({ name, text }));
      const first = files[0];
      if (!first) return [];
      const active = files.find(({ name }) => name === sheet.active) ?? first;
      return [[key, { files, active: active.name, options: text(sheet.options) ?? '' }]];
    }),
  );
}

function isFile(value: unknown): value is SourceFile {
  return isRecord(value) && typeof value.name === 'string' && typeof value.text === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function amount(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : null;
}

/**
 * A sheet with a program and nothing else chosen. The template of a multi-file program has all its
 * files in one text, each further one after a line with its name.
 */
export function sheetOf(key: string, program: string): Sheet {
  const { source } = traitsOf(key);
  const parts = key === MULTI_FILE ? program.split(/^=== (.+)\n/m) : [program];
  const files = [{ name: source, text: parts[0] ?? '' }];
  for (let i = 1; i < parts.length; i += 2) {
    files.push({ name: parts[i] ?? '', text: parts[i + 1] ?? '' });
  }
  return { files, active: source, options: '' };
}

/** The sheet to show: the person's own, or the template they have not touched. */
export function sheetFor(workspace: Workspace, template: string): Sheet {
  return workspace.sheets[workspace.language] ?? sheetOf(workspace.language, template);
}

/** A changed sheet; one that is the template (where that is known) again counts as not changed. */
export function withSheet(workspace: Workspace, sheet: Sheet, template: string | null): Workspace {
  const sheets = { ...workspace.sheets };
  if (template !== null && isTemplate(workspace.language, sheet, template)) {
    Reflect.deleteProperty(sheets, workspace.language);
  } else {
    sheets[workspace.language] = sheet;
  }
  return { ...workspace, sheets };
}

/** Whether a sheet is as its template has it, but for which file is shown. */
export function isTemplate(key: string, sheet: Sheet, template: string): boolean {
  const untouched = sheetOf(key, template);
  return sameFiles(sheet.files, untouched.files) && sheet.options === '';
}

export function sameFiles(a: SourceFile[], b: SourceFile[]): boolean {
  return (
    a.length === b.length &&
    a.every((file, i) => file.name === b[i]?.name && file.text === b[i].text)
  );
}

export function withText(sheet: Sheet, name: string, text: string): Sheet {
  return {
    ...sheet,
    files: sheet.files.map((file) => (file.name === name ? { name, text } : file)),
  };
}

export function withFile(sheet: Sheet, name: string): Sheet {
  return { ...sheet, files: [...sheet.files, { name, text: '' }], active: name };
}

export function withoutFile(sheet: Sheet, name: string): Sheet {
  const at = sheet.files.findIndex((file) => file.name === name);
  const files = sheet.files.filter((file) => file.name !== name);
  const neighbour = files[Math.max(0, at - 1)]?.name ?? sheet.active;
  return { ...sheet, files, active: sheet.active === name ? neighbour : sheet.active };
}

export function withFileRenamed(sheet: Sheet, from: string, to: string): Sheet {
  return {
    ...sheet,
    files: sheet.files.map((file) => (file.name === from ? { ...file, name: to } : file)),
    active: sheet.active === from ? to : sheet.active,
  };
}

/** The files that keep their name and place, because the language asks for them. */
export function isFixed(key: string, sheet: Sheet, name: string): boolean {
  return sheet.files[0]?.name === name || (key === MULTI_FILE && name === 'run');
}

/** Turns to a language, in one of its versions or (null) the one that its key stands for. */
export function withVersion(workspace: Workspace, key: string, id: number | null): Workspace {
  const versions = { ...workspace.versions };
  if (id === null) Reflect.deleteProperty(versions, key);
  else versions[key] = id;
  return { ...workspace, language: key, versions };
}

export function withRecent(workspace: Workspace, key: string): Workspace {
  const recent = [key, ...workspace.recent.filter((other) => other !== key)].slice(0, RECENT);
  return { ...workspace, recent };
}
