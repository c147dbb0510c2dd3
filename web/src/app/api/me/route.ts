import { mayHaveKeys } from '@/server/keys';
import { signInSettings } from '@/server/settings';
import { forVisitor } from '@/server/visitor';

/** Who the visitor is to this page. */
export function GET(request: Request) {
  return forVisitor(request, (visitor) => {
    const settings = signInSettings();
    return Response.json(
      {
        guest: visitor.person === null,
        name: visitor.person?.name ?? null,
        email: visitor.person?.email ?? null,
        signIn: settings && { name: settings.name },
        mayHaveKeys: mayHaveKeys(visitor),
      },
      { headers: { 'Cache-Control': 'no-store' } },
    );
  });
}
