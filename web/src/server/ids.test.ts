import { expect, it } from 'vitest';
import { isKeyId, isRunId, isShareId } from './ids';

it('takes UUIDs and nothing else', () => {
  const id = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
  expect([id, id.toUpperCase()].every(isRunId)).toBe(true);
  expect(
    ['', '1', '..', `${id}/`, `${id}\n`, `../${id}`, `${id}?x`, id.slice(1)].some(isRunId),
  ).toBe(false);
});
