import { NextResponse, type NextRequest } from 'next/server';
import { contentSecurityPolicy } from '@/server/csp';
import { visitorOf } from '@/server/visitor';

/**
 * Gives every page a fresh nonce, which Next puts on its own scripts, and every new visitor the
 * cookie of a guest: the page's first calls then come from one guest, not from several.
 */
export async function proxy(request: NextRequest) {
  const nonce = btoa(crypto.randomUUID());
  const policy = contentSecurityPolicy(nonce, process.env.NODE_ENV === 'development');

  const headers = new Headers(request.headers);
  headers.set('x-nonce', nonce);
  headers.set('Content-Security-Policy', policy);

  const response = NextResponse.next({ request: { headers } });
  response.headers.set('Content-Security-Policy', policy);
  const { cookie } = await visitorOf(request.headers);
  if (cookie !== null) response.headers.append('Set-Cookie', cookie);
  return response;
}

export const config = {
  // Route handlers and static files need no nonce, and bodies need no detour.
  matcher: ['/((?!api/|healthz|_next/static|icon.svg|robots.txt).*)'],
};
