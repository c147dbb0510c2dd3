/** Reads {returnTo}: a path of this site, never an address elsewhere. */
export function localPath(body: Uint8Array | null): string {
  try {
    const asked: unknown = JSON.parse(new TextDecoder().decode(body ?? new Uint8Array()));
    const path = (asked as { returnTo?: unknown } | null)?.returnTo;
    if (typeof path !== 'string' || !path.startsWith('/')) return '/';
    const here = new URL('http://here.invalid');
    const url = new URL(path, here);
    // "/.//host" is a path of this site, but what is left of it when it was resolved names a host.
    const local = url.origin === here.origin && !url.pathname.startsWith('//');
    return local ? url.pathname + url.search : '/';
  } catch {
    return '/';
  }
}
