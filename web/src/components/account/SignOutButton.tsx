'use client';

import { post, problemOf } from '@/lib/request';
import { toast } from '../ui/toast';

export function SignOutButton() {
  return (
    <button
      type="button"
      className="button"
      onClick={() => {
        post('/api/sign-out').then(
          () => {
            location.assign('/account');
          },
          (error: unknown) => {
            toast(problemOf(error).detail);
          },
        );
      }}
    >
      Sign out
    </button>
  );
}
