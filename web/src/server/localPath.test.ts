import { expect, it } from 'vitest';
import { localPath } from './localPath';

const read = (body: string) => localPath(new TextEncoder().encode(body));

it.each([
  ['/history?language=c', '/history?language=c'],
  ['/', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['https://evil.example/', '/'],
  ['javascript:alert(1)', '/'],
  ['/\t/evil.example', '/'],
  ['/.//evil.example', '/'],
  ['/x/..//evil.example', '/'],
  ['/%2e/\\evil.example', '/'],
  ['', '/'],
])('%j leads to %j', (asked, path) => {
  expect(read(JSON.stringify({ returnTo: asked }))).toBe(path);
});

it.each(['', 'null', '[]', '{"returnTo": 1}', 'not JSON'])('%j leads home', (body) => {
  expect(read(body)).toBe('/');
  expect(localPath(null)).toBe('/');
});
