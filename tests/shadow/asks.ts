import type { Shot } from './shot.ts';

// The single requests of which traffic is made.

type More = Partial<Shot>;

export const LOGIN = '/api/auth/login/';
export const LOGOUT = '/api/auth/logout/';
export const ME = '/api/auth/me/';
export const COMPLETE = '/api/ai/completions/';
export const JOBS = '/api/ai/jobs/';
export const CHANNELS = '/api/chat/channels/';
export const FILES = '/api/files/';
export const SUMMARY = '/api/dashboard/summary/';
export const messagesOf = (channel: number | string) => `${CHANNELS}${channel}/messages/`;
export const contentOf = (file: number | string) => `${FILES}${file}/content/`;

const JSON_TYPE = { 'content-type': 'application/json' };

export function get(tenant: string, target: string, more: More = {}): Shot {
  return { tenant, method: 'GET', target, as: 'key', ...more };
}

/** `body` as it is where it is a text, else as JSON. */
export function post(tenant: string, target: string, body: unknown, more: More = {}): Shot {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { tenant, method: 'POST', target, as: 'key', headers: JSON_TYPE, body: text, ...more };
}

export function logIn(tenant: string, username: string, password = 'demo', more: More = {}): Shot {
  return post(tenant, LOGIN, { username, password }, { as: 'nobody', ...more });
}

const BOUNDARY = 'shadow-boundary';

export function upload(tenant: string, name: string, content: string | Buffer, type = 'text/plain'): Shot {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`;
  const body = Buffer.concat([
    Buffer.from(head),
    Buffer.from(content as string),
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  return { tenant, method: 'POST', target: FILES, as: 'key', headers, body };
}

export function remove(tenant: string, file: number | string): Shot {
  return { tenant, method: 'DELETE', target: `${FILES}${file}/`, as: 'key' };
}

export const writeCursor = (text: string) => encodeURIComponent(Buffer.from(text).toString('base64'));
