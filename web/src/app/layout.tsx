import type { Metadata, Viewport } from 'next';
import localFont from 'next/font/local';
import { headers } from 'next/headers';
import type { ReactNode } from 'react';
import { GuestNotice } from '@/components/site/GuestNotice';
import { SiteHeader } from '@/components/site/SiteHeader';
import { Toasts } from '@/components/ui/toast';
import { themeScript } from '@/lib/theme';
import { signInSettings } from '@/server/settings';
import './globals.css';
import './site.css';
import './workbench.css';

const sans = localFont({
  src: '../../node_modules/@fontsource-variable/geist/files/geist-latin-wght-normal.woff2',
  weight: '100 900',
  variable: '--font-sans',
});
const mono = localFont({
  src: '../../node_modules/@fontsource-variable/geist-mono/files/geist-mono-latin-wght-normal.woff2',
  weight: '100 900',
  variable: '--font-mono',
});

export const metadata: Metadata = {
  title: { default: 'Sandgate · Run code in a sandbox', template: '%s · Sandgate' },
  description:
    'Write a program in C, C++, Java, Python, Go, Rust, JavaScript and more, run it in a sandbox and watch it happen.',
  applicationName: 'Sandgate',
};

export const viewport: Viewport = {
  width: 'device-width',
  initialScale: 1,
  themeColor: [
    { media: '(prefers-color-scheme: light)', color: '#f5f1ea' },
    { media: '(prefers-color-scheme: dark)', color: '#14120f' },
  ],
};

export default async function RootLayout({ children }: { children: ReactNode }) {
  const asked = await headers();
  const nonce = asked.get('x-nonce') ?? undefined;
  return (
    // The theme script changes this element before React sees it.
    <html lang="en" className={`${sans.variable} ${mono.variable}`} suppressHydrationWarning>
      <head>
        {/* Browsers hide the nonce once it is used, so React cannot find it again. */}
        <script
          nonce={nonce}
          suppressHydrationWarning
          dangerouslySetInnerHTML={{ __html: themeScript }}
        />
      </head>
      <body>
        <a className="skip" href="#content">
          Skip to the content
        </a>
        <div className="site">
          <SiteHeader />
          <GuestNotice
            wait={Number(asked.get('x-guest-wait') ?? 0)}
            signIn={signInSettings() !== null}
          />
          <div id="content" className="content" tabIndex={-1}>
            {children}
          </div>
        </div>
        <Toasts />
      </body>
    </html>
  );
}
