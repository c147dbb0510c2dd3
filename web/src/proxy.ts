import { NextResponse, type NextRequest } from 'next/server';
import { contentSecurityPolicy } from '@/server/csp';
import { welcome } from '@/server/visitor';

/**
 * Gives every page a fresh nonce, which Next puts on its own scripts, and every new visitor the
 * cookie of a guest, so that the page's first calls come from one already. Nothing else gives it.
 */
export async function proxy(request: NextRequest) {
  const nonce = btoa(crypto.randomUUID());
  const policy = contentSecurityPolicy(nonce, process.env.NODE_ENV === 'development');

  const { cookie, wait } = await welcome(request.method, request.headers);

  const headers = new Headers(request.headers);
  headers.set('x-guest-wait', String(wait));
  headers.set('x-nonce', nonce);
  headers.set('Content-Security-Policy', policy);

  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  if (cookie !== null) response.headers.append('Set-Cookie', cookie);
  return response;
}

export const config = {
  // Route handlers and static files need no nonce, and bodies need no detour.
  matcher: ['/((?!api/|healthz|_next/static|icon.svg|robots.txt).*)'],
};
