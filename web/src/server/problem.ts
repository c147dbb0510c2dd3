/** RFC 9457 problem details, the one error shape of this server and of the gateway. */
export function problem(
  status: number,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title, status, detail }), {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...headers,
    },
  });
}

export const notFound = (what = 'run') =>
  problem(404, 'Not Found', `There is no ${what} with this id. It may have been removed.`);
