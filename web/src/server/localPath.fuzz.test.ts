import { describe, expect } from 'vitest';
import { fuzz } from '@/testing/draw';
import { localPath } from './localPath';

const PIECES = [
  '/',
  '//',
  '\\',
  '.',
  '..',
  '%2f',
  '%2e',
  '\t',
  '\n',
  '@',
  ':',
  '?',
  '#',
  'evil.example',
  'https:',
  'javascript:',
];

describe('where a sign-in leads', () => {
  fuzz('is this site, whatever is asked', 3000, (draw) => {
    const returnTo = draw.chance(4) ? draw.text(PIECES) : `/${draw.text(PIECES, 6)}`;
    const path = localPath(new TextEncoder().encode(JSON.stringify({ returnTo })));
    expect(path.startsWith('/')).toBe(true);
    for (const site of ['https://sandgate.test', 'http://127.0.0.1:3000/api/sign-in']) {
      expect(new URL(path, site).origin, JSON.stringify({ returnTo, path })).toBe(
        new URL(site).origin,
      );
    }
    // To be asked for what was given changes nothing more.
    expect(localPath(new TextEncoder().encode(JSON.stringify({ returnTo: path })))).toBe(path);
  });

  fuzz('is home where nothing can be read', 1000, (draw) => {
    const path = localPath(draw.bytes(40));
    expect(path).toBe('/');
  });
});
