'use client';

import { useEffect, useState } from 'react';
import { formatWait } from '@/lib/format';
import { whenNewGuest } from '@/lib/request';
import { toast } from '../ui/toast';

interface Props {
  /** In how many seconds the visitor may be a guest; 0: they are, or signed in. */
  wait: number;
  /** Whether people can sign in here. */
  signIn: boolean;
}

/** Says where a visitor could not be made a guest, and when they have become one on a page that was there. */
export function GuestNotice({ wait, signIn }: Props) {
  const [refused, setRefused] = useState(wait > 0);

  useEffect(
    () =>
      whenNewGuest(() => {
        if (!refused)
          toast('Your browser’s cookie was gone: you go on as a new guest, with a new history.');
        setRefused(false);
      }),
    [refused],
  );

  if (!refused) return null;
  return (
    <section className="site-notice" aria-label="Guests">
      <div className="notice">
        <p>
          <strong>No new guests for now.</strong> Too many have come from your network in a short
          time. You can look around and write programs; to run them, wait {formatWait(wait)} and try
          again{signIn && ', or sign in'}.
        </p>
      </div>
    </section>
  );
}
