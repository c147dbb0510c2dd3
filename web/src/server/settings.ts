import { randomBytes } from 'node:crypto';
import { parseNetworks } from './clientAddress';

const SHORTEST_SECRET = 32;

/** Pages and routes are bundled apart; what is made once per process has to live beside them. */
const shared = globalThis as typeof globalThis & { sandgateSecret?: string };

/**
 * What cookies are signed and sealed with. Without a setting, sessions end with the process: good
 * for trying out, and the server says so when it starts.
 */
export function webSecret(): string {
  const given = process.env.SANDGATE_WEB_SECRET;
  if (given) return given;
  return (shared.sandgateSecret ??= randomBytes(32).toString('base64url'));
}

/** Where people find this server, if the operator says; otherwise it is where they asked. */
export function publicUrl(): URL | null {
  const given = process.env.SANDGATE_WEB_URL;
  return given ? new URL(given) : null;
}

/** How many new guests one address may have in an hour, half of them at once; 0: any number. */
export function guestsPerHour(): number {
  const given = process.env.SANDGATE_GUESTS_PER_HOUR;
  return given ? Number(given) : 200;
}

export interface SignInSettings {
  issuer: string;
  clientId: string;
  /** Empty for a public client, which shows by PKCE alone that it is the one that began. */
  clientSecret: string;
  /** What people know the issuer as. */
  name: string;
}

/** Null where nobody can sign in and everybody is a guest. */
export function signInSettings(): SignInSettings | null {
  const issuer = process.env.SANDGATE_OIDC_ISSUER;
  const clientId = process.env.SANDGATE_OIDC_CLIENT_ID;
  if (!issuer || !clientId) return null;
  return {
    issuer,
    clientId,
    clientSecret: process.env.SANDGATE_OIDC_CLIENT_SECRET ?? '',
    name: process.env.SANDGATE_OIDC_NAME ?? '',
  };
}

/** One sentence for each setting that is wrong. */
export function settingFaults(): string[] {
  const faults: string[] = [];
  const { SANDGATE_WEB_SECRET, SANDGATE_WEB_URL, SANDGATE_OIDC_ISSUER, SANDGATE_OIDC_CLIENT_ID } =
    process.env;
  if (SANDGATE_WEB_SECRET && SANDGATE_WEB_SECRET.length < SHORTEST_SECRET)
    faults.push(`SANDGATE_WEB_SECRET is shorter than ${SHORTEST_SECRET} characters`);
  for (const [name, value] of Object.entries({ SANDGATE_WEB_URL, SANDGATE_OIDC_ISSUER }))
    if (value && !/^https?:$/.test(URL.parse(value)?.protocol ?? ''))
      faults.push(`${name} is no http or https URL`);
  if (Boolean(SANDGATE_OIDC_ISSUER) !== Boolean(SANDGATE_OIDC_CLIENT_ID))
    faults.push('SANDGATE_OIDC_ISSUER and SANDGATE_OIDC_CLIENT_ID go together');
  if (!Number.isSafeInteger(guestsPerHour()) || guestsPerHour() < 0)
    faults.push('SANDGATE_GUESTS_PER_HOUR is no whole number from 0');
  try {
    parseNetworks(process.env.SANDGATE_TRUSTED_PROXIES ?? '');
  } catch (error) {
    faults.push(`SANDGATE_TRUSTED_PROXIES: ${(error as Error).message}`);
  }
  return faults;
}
