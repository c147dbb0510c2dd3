import { expect, it } from 'vitest';
import { isKeyId, isRunId, isShareId } from './ids';

const around = (id: string) =>
  ['', '1', '..', `${id}/`, `${id}\n`, `../${id}`, `${id}?x`, id.slice(1)] as const;

it('takes UUIDs for runs and nothing else', () => {
  const id = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
  expect([id, id.toUpperCase()].every(isRunId)).toBe(true);
  expect(around(id).some(isRunId)).toBe(false);
});

it('takes the gateway’s random ids for links and keys, and nothing else', () => {
  const id = 'G3VR2BV3X2T3LKXQDU3SZ4E3NO';
  expect(isShareId(id) && isKeyId(id)).toBe(true);
  expect(around(id).some((other) => isShareId(other) || isKeyId(other))).toBe(false);
});
