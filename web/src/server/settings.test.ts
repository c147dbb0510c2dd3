import { afterEach, expect, it, vi } from 'vitest';
import { settingFaults, signInSettings, webSecret } from './settings';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('finds nothing wrong where nothing is set, and then nobody signs in', () => {
  expect(settingFaults()).toEqual([]);
  expect(signInSettings()).toBeNull();
  expect(webSecret()).toBe(webSecret());
});

it('names all faults at once', () => {
  vi.stubEnv('SANDGATE_WEB_SECRET', 'short');
  vi.stubEnv('SANDGATE_WEB_URL', 'sandgate.example');
  vi.stubEnv('SANDGATE_OIDC_ISSUER', 'ftp://issuer.example');
  vi.stubEnv('SANDGATE_TRUSTED_PROXIES', '10.0.0.0/40');
  vi.stubEnv('SANDGATE_GUESTS_PER_HOUR', 'few');
  expect(settingFaults()).toHaveLength(6);
});
