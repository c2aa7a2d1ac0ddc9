/** A body that is JSON text already. */
export function jsonResponse(body: string, status: 200 | 202 = 200): Response {
  return new Response(body, {
    status,
    headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
  });
}
