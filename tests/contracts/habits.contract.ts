import { expect, test } from '@jest/globals';
import type { Asked } from './product.contract.ts';

const SECURITY = {
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
};
const NOT_FOUND_PAGE = `
<!doctype html>
<html lang="en">
<head>
  <title>Not Found</title>
</head>
<body>
  <h1>Not Found</h1><p>The requested resource was not found on this server.</p>
</body>
</html>
`;

export function describeHabits(side: Asked): void {
  test('every answer of a view names its methods and carries the security headers', async () => {
    const { headers } = await side.ask({ target: '/api/files/' });
    expect(headers).toMatchObject({
      ...SECURITY,
      'content-type': 'application/json',
      vary: 'Accept, Cookie',
      allow: 'GET, POST, HEAD, OPTIONS',
    });
  });

  test('a request that names no tenant gets the 404 page', async () => {
    const { status, headers, text } = await side.ask({
      target: '/api/auth/me/',
      as: {},
      headers: { host: 'nowhere.example' },
    });
    expect([status, headers['content-type'], text]).toEqual([
      404,
      'text/html; charset=utf-8',
      NOT_FOUND_PAGE,
    ]);
    expect([headers.vary, headers.allow]).toEqual([undefined, undefined]);
  });

  test('HEAD answers as GET without the body', async () => {
    const target = '/api/auth/me/';
    const [head, get] = [await side.ask({ method: 'HEAD', target }), await side.ask({ target })];
    expect([head.status, head.text, head.headers['content-length']]).toEqual([
      200,
      '',
      String(get.body.length),
    ]);
  });

  test('a session must show its CSRF token to write, a key need not', async () => {
    const write = { method: 'POST', target: '/api/auth/logout/' };
    const browser = { tenant: 'acme', user: 1, by: 'session' } as const;
    const headers = { cookie: 'csrftoken=abc', 'x-csrftoken': 'abc' };
    const statuses = await Promise.all([
      side.ask({ ...write, as: browser }),
      side.ask({ ...write, as: browser, headers: { ...headers, 'x-csrftoken': 'abd' } }),
      side.ask({ ...write, as: browser, headers }),
      side.ask(write),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([403, 403, 204, 204]);
    expect(statuses[0]?.text).toContain(
      '<h1>403 Forbidden</h1><p>CSRF verification failed. Request aborted.</p>',
    );
  });
}
