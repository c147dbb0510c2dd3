/** Runs once, before the first request. */
export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { notePeers } = await import('./server/clientAddress');
  const { publicUrl, settingFaults } = await import('./server/settings');
  notePeers();
  const faults = settingFaults();
  if (faults.length > 0) {
    console.error(`The web client's settings are wrong:\n  ${faults.join('\n  ')}`);
    process.exit(2);
  }
  // Auth.js takes its own address from its own variable, and else from what the browser asked for.
  const here = publicUrl();
  if (here) process.env.AUTH_URL = here.origin;
  else delete process.env.AUTH_URL;
  if (!process.env.SANDGATE_WEB_SECRET && process.env.NODE_ENV === 'production')
    console.warn('SANDGATE_WEB_SECRET is not set: guests and sign-ins end with this process.');
}
