import type { Language } from './api';
import { fetchShared, fetchWholeRun, type WholeRun } from './history';
import { languageById } from './languageChoices';
import { MULTI_FILE, traitsOf } from './languages';
import type { Sheet, SourceFile, Workspace } from './workspace';
import { optionsFor } from './runRequest';
import { fromBase64, unzip } from './zip';

/** What the address of the page asks to open: `?run=<token>` or `?shared=<id>`. */
export interface Wanted {
  kind: 'run' | 'shared';
  id: string;
}

export function wantedBy(search: string): Wanted | null {
  const asked = new URLSearchParams(search);
  for (const kind of ['run', 'shared'] as const) {
    const id = asked.get(kind);
    if (id !== null && /^[\w-]{1,64}$/.test(id)) return { kind, id };
  }
  return null;
}

export interface Opened {
  job: WholeRun;
  /** The visitor's own run, and not one that was shared with them. */
  own: boolean;
  language: string;
  versionId: number | null;
  sheet: Sheet;
  shared: Pick<Workspace, 'stdin' | 'expected' | 'arguments'>;
  /** Files that are no text, and so can't be shown. */
  left: string[];
}

export async function fetchWanted(wanted: Wanted, languages: Language[]): Promise<Opened> {
  const job = await (wanted.kind === 'run' ? fetchWholeRun(wanted.id) : fetchShared(wanted.id));
  return { ...(await asWork(job, languages)), own: wanted.kind === 'run' };
}

/** A run of before as work in the editor. */
export async function asWork(job: WholeRun, languages: Language[]): Promise<Omit<Opened, 'own'>> {
  const { program } = job;
  const found = languageById(languages, job.language.id);
  const language = found?.key ?? 'text';
  const { files: packed, left } = await unpack(program.additionalFiles);
  const source = traitsOf(language).source;
  const own: SourceFile[] =
    language === MULTI_FILE ? [] : [{ name: source, text: program.code ?? '' }];
  const files = [...own, ...packed.filter(({ name }) => own.length === 0 || name !== source)];
  if (files.length === 0) files.push({ name: source, text: '' });
  // The script that runs it all comes first, as it does in new programs.
  if (language === MULTI_FILE)
    files.sort((a, b) => Number(b.name === source) - Number(a.name === source));

  const sheet: Sheet = {
    files,
    active: files[0]?.name ?? source,
    options: program.compilerOptions ?? '',
  };
  return {
    job,
    language,
    versionId: found?.versionId ?? null,
    sheet: { ...sheet, options: withoutCompanions(language, sheet) },
    shared: {
      stdin: program.stdin ?? '',
      expected: program.expectedOutput,
      arguments: program.arguments ?? '',
    },
    left,
  };
}

/** The options without the file names that are added to them when the program is sent. */
function withoutCompanions(language: string, sheet: Sheet): string {
  const added = optionsFor(language, { ...sheet, options: '' });
  return added !== '' && sheet.options.endsWith(added)
    ? sheet.options.slice(0, -added.length).trimEnd()
    : sheet.options;
}

async function unpack(base64: string | null): Promise<{ files: SourceFile[]; left: string[] }> {
  if (base64 === null || base64 === '') return { files: [], left: [] };
  try {
    return await unzip(fromBase64(base64));
  } catch {
    return { files: [], left: ['the archive'] };
  }
}
