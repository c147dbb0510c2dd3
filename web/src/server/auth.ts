import NextAuth from 'next-auth';
import { headers } from 'next/headers';
import type { NextRequest } from 'next/server';
import { overTls } from './cookies';
import { publicUrl, signInSettings, webSecret } from './settings';
import { userOf } from './visitor';

const SESSION_SECONDS = 14 * 24 * 60 * 60;

/** Read on each request, so that one build serves every deployment. */
const auth = NextAuth(async () => {
  const settings = signInSettings();
  return {
    basePath: '/api/auth',
    secret: webSecret(),
    trustHost: true,
    useSecureCookies: overTls(new Headers(await headers())),
    session: { strategy: 'jwt', maxAge: SESSION_SECONDS },
    // Where Auth.js leads a browser whose sign-in failed, with ?error=…
    pages: { signIn: '/account', error: '/account' },
    providers: settings
      ? [
          {
            id: 'oidc',
            type: 'oidc',
            name: settings.name,
            issuer: settings.issuer,
            clientId: settings.clientId,
            ...(settings.clientSecret
              ? { clientSecret: settings.clientSecret }
              : { client: { token_endpoint_auth_method: 'none' } }),
            checks: ['pkce', 'state', 'nonce'],
          },
        ]
      : [],
    callbacks: {
      jwt({ token, account, profile }) {
        // Only what the pages show is kept; no token of the issuer's.
        if (account && settings) {
          const name = profile?.name ?? profile?.preferred_username ?? profile?.nickname;
          return {
            user: userOf(settings.issuer, account.providerAccountId),
            name: name ?? null,
            email: profile?.email ?? null,
          };
        }
        return token;
      },
    },
  };
});

/** Begins a sign-in; gives where the issuer wants the browser to go. */
export function beginSignIn(returnTo: string): Promise<string> {
  return auth.signIn('oidc', { redirect: false, redirectTo: returnTo }) as Promise<string>;
}

export async function signOut(): Promise<void> {
  await auth.signOut({ redirect: false });
}

/** Ends a sign-in: the issuer has sent the browser back. */
export function endSignIn(request: NextRequest): Promise<Response> {
  if (publicUrl()) return auth.handlers.GET(request);
  // A NextRequest calls every loopback address localhost; the issuer and the browser know the one
  // that was asked for, and cookies belong to it.
  const host = request.headers.get('x-forwarded-host') ?? request.headers.get('host') ?? '';
  const here = `${overTls(request.headers) ? 'https' : 'http'}://${host}`;
  const url = new URL(request.nextUrl.pathname + request.nextUrl.search, here);
  const end = auth.handlers.GET as (request: Request) => Promise<Response>;
  return end(new Request(url, { headers: request.headers }));
}
