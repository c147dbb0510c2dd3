'use client';

import { usePathname } from 'next/navigation';
import { PageLink } from './PageLink';

const places = [
  { href: '/', label: 'Editor' },
  { href: '/history', label: 'History' },
  { href: '/account', label: 'Account' },
];

/** `person` is who signed in; their name stands for the account. */
export function SiteNav({ person }: { person: string | null }) {
  const path = usePathname();
  return (
    <nav className="site-nav" aria-label="Main">
      <ul>
        {places.map(({ href, label }) => (
          <li key={href}>
            <PageLink
              href={href}
              aria-current={path === href ? 'page' : undefined}
              data-inside={href !== '/' && path.startsWith(`${href}/`) ? '' : undefined}
            >
              {href === '/account' && person !== null ? (
                <>
                  <span className="visually-hidden">{label}: </span>
                  <span className="site-person">{person}</span>
                </>
              ) : (
                label
              )}
            </PageLink>
          </li>
        ))}
      </ul>
    </nav>
  );
}
