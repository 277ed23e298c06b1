/** The admin API's client. The token lives in this tab only and travels in one header: no cookie, so no forged request. */
const TOKEN = 'banyan-admin-token';
const AUTHOR = 'banyan-author';

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `The gateway answered ${status}.`);
    this.status = status;
    this.code = problem?.code;
  }
}

export const session = {
  get token() {
    return sessionStorage.getItem(TOKEN);
  },
  get author() {
    return localStorage.getItem(AUTHOR) ?? '';
  },
  open(token, author) {
    sessionStorage.setItem(TOKEN, token);
    localStorage.setItem(AUTHOR, author);
  },
  close() {
    sessionStorage.removeItem(TOKEN);
  },
};

export function authorize(more = {}) {
  return { authorization: `Bearer ${session.token}`, ...more };
}

export async function ask(path, body) {
  const answer = await send(path, body);
  const json = await answer.json().catch(() => undefined);
  if (!answer.ok) throw new Refusal(answer.status, json);
  return json;
}

async function send(path, body) {
  const wish = body
    ? {
        method: 'POST',
        headers: authorize({ 'content-type': 'application/json' }),
        body: JSON.stringify(body),
      }
    : { headers: authorize() };
  try {
    return await fetch(path, wish);
  } catch {
    throw new Refusal(0, {
      detail: 'The gateway does not answer. It may be restarting; nothing was changed from here.',
    });
  }
}
