import type { Job } from './api';
import { isFinished } from './status';

const SENTENCES: Record<number, string> = {
  3: 'The program ran to its end without an error.',
  4: 'The program ran to its end, but its output is not the expected one.',
  5: 'The program took longer than it is allowed to and was stopped.',
  6: 'The compiler did not accept the code, so nothing was run.',
  7: 'The program used memory that is not its own (a segmentation fault) and was stopped.',
  8: 'The program wrote more than it is allowed to and was stopped.',
  9: 'The program tried an impossible calculation, often a division by zero, and was stopped.',
  10: 'The program aborted: a failed assertion, an uncaught exception or damaged memory.',
  11: 'The program ended with an error.',
  12: 'The program was stopped for a reason that has no status of its own.',
  13: 'Something failed on the server, not in your program. Run it again.',
  14: 'The server could not start the program: its file is not one it can execute.',
};

/** One sentence that explains a finished run. */
export function explain(job: Pick<Job, 'status' | 'exitCode'>): string {
  if (job.status.id === 11 && job.exitCode !== null && job.exitCode !== 0) {
    return `The program ended with exit code ${job.exitCode}; anything but 0 means that it failed.`;
  }
  return SENTENCES[job.status.id] ?? `The run ended: ${job.status.description}.`;
}

/** Whether the program itself got to run, so that "no output" says something about it. */
export function didRun(statusId: number): boolean {
  return isFinished(statusId) && ![6, 13, 14].includes(statusId);
}
