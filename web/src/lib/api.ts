/** What the gateway says, as the browser receives it. */

export interface Language {
  id: number;
  key: string;
  name: string;
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
}

export interface RunRequest {
  code: string;
  language: string;
  stdin: string;
}
