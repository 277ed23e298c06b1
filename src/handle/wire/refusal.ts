import { type Json, renderJson } from './json-text.ts';

/** A view's "no", thrown from any depth so that a transaction around it is undone; the same job as DRF's APIException. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  readonly body: Readonly<{ kind: 'json' | 'page'; text: string }>;

  constructor(status: number, body: Readonly<{ kind: 'json' | 'page'; text: string }>) {
    super(`refused with ${status}`);
    this.status = status;
    this.body = body;
  }
}

export function refuse(status: number, value: Json): Refusal {
  return new Refusal(status, { kind: 'json', text: renderJson(value) });
}

export function refuseField(field: string, ...errors: readonly string[]): Refusal {
  return refuse(400, { [field]: errors });
}

export const missingRow = () => refuse(404, { detail: 'Not found.' });
export const missingIdentity = () => refuse(403, { detail: 'Authentication credentials were not provided.' });
export const missingTenant = () =>
  new Refusal(404, {
    kind: 'page',
    text: renderPage('Not Found', 'The requested resource was not found on this server.'),
  });
export const failedCsrf = () =>
  new Refusal(403, {
    kind: 'page',
    text: renderPage('403 Forbidden', 'CSRF verification failed. Request aborted.'),
  });

/** Django's built-in error page, which begins with a line break. */
function renderPage(title: string, details: string): string {
  return [
    '',
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    `  <title>${title}</title>`,
    '</head>',
    '<body>',
    `  <h1>${title}</h1><p>${details}</p>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}
