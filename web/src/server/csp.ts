export function contentSecurityPolicy(nonce: string, development: boolean): string {
  // The development server injects styles without a nonce and evaluates modules.
  const style = development ? "'unsafe-inline'" : `'nonce-${nonce}'`;
  const script = development ? " 'unsafe-eval'" : '';
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${script}`,
    `style-src 'self' ${style}`,
    // Typing over coloured text makes Chromium write style attributes of its own.
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
