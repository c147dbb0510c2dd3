export const IN_QUEUE = 1;
export const PROCESSING = 2;

export type Tone = 'busy' | 'good' | 'warning' | 'bad';

export function isFinished(statusId: number): boolean {
  return statusId !== IN_QUEUE && statusId !== PROCESSING;
}

export function toneOf(statusId: number): Tone {
  if (!isFinished(statusId)) return 'busy';
  if (statusId === 3) return 'good';
  return statusId === 4 || statusId === 5 ? 'warning' : 'bad';
}
