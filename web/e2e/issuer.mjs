// A stand-in for an OpenID Connect issuer: the authorization code flow with PKCE for one person, who
// agrees with a click. It keeps nothing, checks what a real one checks, and is for tests alone.
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

export async function startIssuer({ clientId, person }) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const codes = new Map();
  let url;

  const idToken = (claims) => {
    const now = Math.floor(Date.now() / 1000);
    const body = `${encode({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${encode({
      iss: url,
      aud: clientId,
      iat: now,
      exp: now + 300,
      ...claims,
    })}`;
    return `${body}.${sign('sha256', Buffer.from(body), privateKey).toString('base64url')}`;
  };

  /** What each address answers: a status and a body, or where to go. */
  const routes = {
    '/.well-known/openid-configuration': () => ({
      json: {
        issuer: url,
        authorization_endpoint: `${url}/authorize`,
        token_endpoint: `${url}/token`,
        userinfo_endpoint: `${url}/userinfo`, // Auth.js wants one, and asks the ID token
        jwks_uri: `${url}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        code_challenge_methods_supported: ['S256'],
        token_endpoint_auth_methods_supported: ['none'],
      },
    }),
    '/jwks': () => ({
      json: {
        keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }],
      },
    }),
    '/authorize': ({ query }) => {
      if (query.get('client_id') !== clientId || query.get('code_challenge_method') !== 'S256')
        return { status: 400, json: { error: 'invalid_request' } };
      const code = randomUUID();
      codes.set(code, Object.fromEntries(query));
      const back = new URL(query.get('redirect_uri'));
      const refuse = new URL(back);
      for (const to of [back, refuse])
        if (query.has('state')) to.searchParams.set('state', query.get('state'));
      back.searchParams.set('code', code);
      refuse.searchParams.set('error', 'access_denied');
      const link = (to, text) => `<a href="${to.href.replaceAll('&', '&amp;')}">${text}</a>`;
      return {
        html: `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>A stand-in issuer</title><h1>A stand-in issuer, for tests</h1>
          <p>${link(back, `Go on as ${person.name}`)} ${link(refuse, 'Refuse')}`,
      };
    },
    '/token': ({ form }) => {
      const asked = codes.get(form.get('code'));
      codes.delete(form.get('code')); // a code is good once
      const verifier = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (
        !asked ||
        asked.code_challenge !== verifier ||
        asked.redirect_uri !== form.get('redirect_uri') ||
        form.get('client_id') !== clientId
      )
        return { status: 400, json: { error: 'invalid_grant' } };
      return {
        json: {
          access_token: randomUUID(),
          token_type: 'Bearer',
          expires_in: 300,
          id_token: idToken({ ...person, ...(asked.nonce && { nonce: asked.nonce }) }),
        },
      };
    },
  };

  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, url);
    let body = '';
    for await (const chunk of request) body += chunk;
    const answer = routes[pathname]?.({ query: searchParams, form: new URLSearchParams(body) });
    const { status = answer ? 200 : 404, json = {}, html } = answer ?? {};
    response.writeHead(status, { 'Content-Type': html ? 'text/html' : 'application/json' });
    response.end(html ?? JSON.stringify(json));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
