import { NextResponse, type NextRequest } from 'next/server';
import { contentSecurityPolicy } from '@/server/csp';

/** Gives every page a fresh nonce; Next puts it on its own scripts. */
export function proxy(request: NextRequest) {
  const nonce = btoa(crypto.randomUUID());
  const policy = contentSecurityPolicy(nonce, process.env.NODE_ENV === 'development');

  const headers = new Headers(request.headers);
  headers.set('x-nonce', nonce);
  headers.set('Content-Security-Policy', policy);

  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  return response;
}

export const config = {
  // Route handlers and static files need no nonce, and bodies need no detour.
  matcher: ['/((?!api/|healthz|_next/static|icon.svg|robots.txt).*)'],
};
