import { publicUrl } from './settings';

/** Whether the browser speaks TLS to us, or to a proxy before us. */
export function overTls(headers: Headers): boolean {
  if (publicUrl()?.protocol === 'https:') return true;
  return headers.get('x-forwarded-proto')?.split(',')[0]?.trim() === 'https';
}

export function readCookie(headers: Headers, name: string): string | null {
  for (const pair of (headers.get('cookie') ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return null;
}
