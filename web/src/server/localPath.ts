/** Reads {returnTo}: a path of this site, never an address elsewhere. */
export function localPath(body: Uint8Array | null): string {
  try {
    const asked: unknown = JSON.parse(new TextDecoder().decode(body ?? new Uint8Array()));
    const path = (asked as { returnTo?: unknown } | null)?.returnTo;
    if (typeof path !== 'string' || !path.startsWith('/')) return '/';
    const here = new URL('http://here.invalid');
    const url = new URL(path, here);
    return url.origin === here.origin ? url.pathname + url.search : '/';
  } catch {
    return '/';
  }
}
