import type { NextRequest } from 'next/server';
import { endSignIn } from '@/server/auth';
import { problem } from '@/server/problem';
import { signInSettings } from '@/server/settings';

export function GET(request: NextRequest) {
  if (!signInSettings()) return problem(404, 'Not Found', 'Nobody can sign in here.');
  return endSignIn(request);
}
