import type { RunRequest } from './api';
import { MULTI_FILE, traitsOf } from './languages';
import type { Sheet, Workspace } from './workspace';
import { toBase64, zip } from './zip';

/** What is sent for the program that is shown. */
export function requestFor(workspace: Workspace, sheet: Sheet): RunRequest {
  const { language, limits } = workspace;
  const [first, ...others] = sheet.files;
  const multi = language === MULTI_FILE;
  const packed = multi ? sheet.files : others;
  const options = optionsFor(language, sheet);
  const asked = {
    ...(limits.cpuTime !== null && { cpuTime: limits.cpuTime }),
    ...(limits.wallTime !== null && { wallTime: limits.wallTime }),
    ...(limits.memory !== null && { memory: Math.round(limits.memory * 1024) }),
  };
  return {
    ...(!multi && { code: first?.text ?? '' }),
    language: String(workspace.versions[language] ?? language),
    stdin: workspace.stdin,
    ...(workspace.arguments.trim() !== '' && { arguments: workspace.arguments.trim() }),
    ...(options !== '' && { compilerOptions: options }),
    ...(workspace.expected !== null && { expectedOutput: workspace.expected }),
    ...(packed.length > 0 && { additionalFiles: toBase64(zip(packed)) }),
    ...(Object.keys(asked).length > 0 && { limits: asked }),
  };
}

/** The person's options, and the further files that the compiler would not find by itself. */
export function optionsFor(language: string, sheet: Sheet): string {
  const { compiled, companions } = traitsOf(language);
  if (!compiled) return '';
  const own = sheet.options.trim();
  if (companions === undefined) return own;
  const further = sheet.files
    .slice(1)
    .map(({ name }) => name)
    .filter((name) => name.endsWith(`.${companions}`) && !own.split(/\s+/).includes(name));
  return [own, ...further].filter(Boolean).join(' ');
}
