import path from 'node:path';
import type { NextConfig } from 'next';

// The repository has a package.json of its own; without these two Next would
// take that folder for the root and put server.js somewhere else.
const root = path.resolve(import.meta.dirname);

const everywhere = [
  { key: 'X-Content-Type-Options', value: 'nosniff' },
  { key: 'X-Frame-Options', value: 'DENY' },
  { key: 'Referrer-Policy', value: 'no-referrer' },
  { key: 'Cross-Origin-Opener-Policy', value: 'same-origin' },
  { key: 'Cross-Origin-Resource-Policy', value: 'same-origin' },
  {
    key: 'Permissions-Policy',
    value: 'camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)',
  },
];

const config: NextConfig = {
  output: 'standalone',
  outputFileTracingRoot: root,
  turbopack: { root },
  poweredByHeader: false,
  reactStrictMode: true,
  // A page's code is loaded when it is first asked for: who uses the API alone never needs it.
  experimental: { preloadEntriesOnStart: false },
  headers() {
    return Promise.resolve([
      { source: '/:path*', headers: everywhere },
      {
        // Pages get their policy from the proxy, with a nonce; data needs none.
        source: '/api/:path*',
        headers: [
          {
            key: 'Content-Security-Policy',
            value: "default-src 'none'; frame-ancestors 'none'",
          },
        ],
      },
    ]);
  },
};

export default config;
