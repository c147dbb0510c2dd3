import { expect, it } from 'vitest';
import { contentSecurityPolicy } from './csp';

it('allows no inline or evaluated code outside development', () => {
  const policy = contentSecurityPolicy('abc', false);
  expect(/script-src [^;]+/.exec(policy)?.[0]).not.toContain('unsafe');
  expect(/style-src [^;]+/.exec(policy)?.[0]).not.toContain('unsafe');
  expect(policy).toContain("script-src 'self' 'nonce-abc' 'strict-dynamic'");
  expect(policy).toContain("frame-ancestors 'none'");
});
