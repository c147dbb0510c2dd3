import type { ComponentProps } from 'react';

/**
 * A link to another page, loaded whole. The policy of a page names the nonce it was served with, and
 * a page that another one swaps in would come with a nonce that is not in force. The scripts that
 * pages share are in the browser's cache.
 */
export function PageLink({ children, ...attributes }: ComponentProps<'a'>) {
  return <a {...attributes}>{children}</a>;
}
