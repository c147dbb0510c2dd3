/** What a person wrote and chose, kept in the browser over a reload. */
export interface Workspace {
  language: string;
  stdin: string;
  /** Code by language; only languages whose example was changed have an entry. */
  code: Record<string, string>;
}

const KEY = 'sandgate.workspace';

export const emptyWorkspace: Workspace = { language: 'python', stdin: '', code: {} };

type Store = Pick<Storage, 'getItem' | 'setItem'>;

/** Storage can be blocked, full or edited by hand: none of that may break the page. */
export function loadWorkspace(store: () => Store): Workspace {
  try {
    return parseWorkspace(JSON.parse(store().getItem(KEY) ?? 'null'));
  } catch {
    return emptyWorkspace;
  }
}

export function saveWorkspace(store: () => Store, workspace: Workspace): void {
  try {
    store().setItem(KEY, JSON.stringify(workspace));
  } catch {
    // The work stays on the page; it only will not survive a reload.
  }
}

function parseWorkspace(value: unknown): Workspace {
  if (typeof value !== 'object' || value === null) return emptyWorkspace;
  const { language, stdin, code } = value as Record<string, unknown>;
  const entries = typeof code === 'object' && code !== null ? Object.entries(code) : [];
  return {
    language: typeof language === 'string' ? language : emptyWorkspace.language,
    stdin: typeof stdin === 'string' ? stdin : '',
    code: Object.fromEntries(
      entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
  };
}

/** The code to show: the person's own, or the example they have not touched. */
export function codeFor(workspace: Workspace, example: string): string {
  return workspace.code[workspace.language] ?? example;
}

/** An edit; going back to the example counts as not having edited. */
export function withCode(workspace: Workspace, code: string, example: string): Workspace {
  const others = { ...workspace.code };
  if (code === example) Reflect.deleteProperty(others, workspace.language);
  else others[workspace.language] = code;
  return { ...workspace, code: others };
}
