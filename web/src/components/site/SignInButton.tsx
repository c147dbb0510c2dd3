'use client';

import { useState } from 'react';
import { post, problemOf } from '@/lib/request';
import { toast } from '../ui/toast';

/** Leads to the issuer, and from there back to this page. */
export function SignInButton({ name = '' }: { name?: string }) {
  const [busy, setBusy] = useState(false);

  const signIn = async () => {
    setBusy(true);
    try {
      const returnTo = location.pathname + location.search;
      const { url } = await post<{ url: string }>('/api/sign-in', { returnTo });
      location.assign(url);
    } catch (error) {
      toast(problemOf(error).detail);
      setBusy(false);
    }
  };

  return (
    <button
      type="button"
      className="button primary"
      aria-disabled={busy}
      onClick={() => {
        if (!busy) void signIn();
      }}
    >
      Sign in{name && ` with ${name}`}
    </button>
  );
}
