/** What the gateway says, as the browser receives it. */

export interface Language {
  id: number;
  key: string;
  name: string;
  /** All that the key stands for; a run takes one of them by its id. */
  versions?: { id: number; name: string }[];
}

export interface Status {
  id: number;
  description: string;
}

export interface Job {
  jobId: string;
  status: Status;
  output: string | null;
  error: string | null;
  stderr: string | null;
  compileOutput: string | null;
  message: string | null;
  exitCode: number | null;
  exitSignal: number | null;
  time: number | null;
  wallTime: number | null;
  memory: number | null;
  language?: { id: number; name: string };
  diagnostics?: Diagnostic[];
}

/** A place in the source that the compiler or the failed program named. */
export interface Diagnostic {
  file?: string;
  line: number;
  column?: number;
  severity: 'error' | 'warning' | 'note';
  message: string;
}

export interface RunRequest {
  code?: string;
  /** A key or an id in digits. */
  language: string;
  stdin: string;
  arguments?: string;
  compilerOptions?: string;
  expectedOutput?: string;
  /** Base64 of a zip. */
  additionalFiles?: string;
  /** Seconds, and kilobytes. */
  limits?: { cpuTime?: number; wallTime?: number; memory?: number };
}
