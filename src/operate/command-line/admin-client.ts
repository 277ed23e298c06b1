import type { Terminal } from './terminal.ts';
import { CommandRefusal } from './terminal.ts';

const DEFAULT_PORT = '9901';
const PATIENCE_MS = 15_000;

/** A client of the admin API. Every refusal is thrown as a CommandRefusal with the API's own sentence. */
export type AdminClient = Readonly<{
  get<Answer>(path: string): Promise<Answer>;
  post<Answer>(path: string, body: object): Promise<Answer>;
  /** For what is no JSON: a page. */
  getText(path: string): Promise<string>;
}>;

export function openAdminClient(terminal: Terminal, patienceMs = PATIENCE_MS): AdminClient {
  const base = findBase(terminal.env);
  const ask = async (method: string, path: string, body: object | undefined): Promise<Response> => {
    const token = await findToken(terminal);
    const answer = await send(new URL(path, base), { method, token, body, patienceMs });
    if (!answer.ok) throw describeRefusal(answer.status, await readJson(answer, base));
    return answer;
  };
  const askJson = async <Answer>(method: string, path: string, body: object | undefined) =>
    (await readJson(await ask(method, path, body), base)) as Answer;
  return Object.freeze({
    get: <Answer>(path: string) => askJson<Answer>('GET', path, undefined),
    post: <Answer>(path: string, body: object) => askJson<Answer>('POST', path, body),
    getText: async (path: string) => (await ask('GET', path, undefined)).text(),
  });
}

function findBase(env: Terminal['env']): URL {
  const text = env.BANYAN_ADMIN_URL || `http://127.0.0.1:${env.ADMIN_PORT || DEFAULT_PORT}`;
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new CommandRefusal(
    `BANYAN_ADMIN_URL is "${text}", not an address such as http://127.0.0.1:${DEFAULT_PORT}.`,
  );
}

/** BANYAN_ADMIN_TOKEN, or the file that it names, or the one that the demo writes. */
async function findToken({ env, readFile }: Terminal): Promise<string> {
  const direct = env.BANYAN_ADMIN_TOKEN?.trim();
  if (direct) return direct;
  const named = env.BANYAN_ADMIN_TOKEN_FILE;
  const file = named || `${env.BANYAN_DATA_DIR || '.banyan'}/admin-token`;
  const token = await readFile(file).then(
    (text) => text.trim(),
    () => '',
  );
  if (token) return token;
  throw new CommandRefusal(
    named
      ? `BANYAN_ADMIN_TOKEN_FILE names "${named}", which cannot be read or is empty.`
      : `No admin token: set BANYAN_ADMIN_TOKEN, or run this in the folder where the demo was started (it writes ${file}).`,
  );
}

type Ask = Readonly<{ method: string; token: string; body: object | undefined; patienceMs: number }>;

async function send(url: URL, { method, token, body, patienceMs }: Ask): Promise<Response> {
  const headers: Record<string, string> = { authorization: `Bearer ${token}`, accept: 'application/json' };
  if (body) headers['content-type'] = 'application/json';
  try {
    return await fetch(url, {
      method,
      headers,
      body: body ? JSON.stringify(body) : null,
      // A token goes where it was meant to go and nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(patienceMs),
    });
  } catch (error) {
    const late = error instanceof Error && error.name === 'TimeoutError';
    throw new CommandRefusal(late ? describeSilence(url, patienceMs) : describeAbsence(url));
  }
}

function describeSilence(url: URL, patienceMs: number): string {
  return `The gateway at ${url.origin} did not answer within ${patienceMs / 1000} s.`;
}

function describeAbsence(url: URL): string {
  return (
    `No gateway answers at ${url.origin}. Start one with "banyan serve" or "npm start", ` +
    'or say with BANYAN_ADMIN_URL where its admin door is.'
  );
}

async function readJson(answer: Response, base: URL): Promise<unknown> {
  try {
    return JSON.parse(await answer.text());
  } catch {
    throw new CommandRefusal(
      `What answers at ${base.origin} is no admin door of Banyan. Check BANYAN_ADMIN_URL.`,
    );
  }
}

function describeRefusal(status: number, json: unknown): CommandRefusal {
  const problem = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
  if (status === 401)
    return new CommandRefusal(
      'The gateway does not know this admin token. Check BANYAN_ADMIN_TOKEN.',
      problem,
    );
  const detail = typeof problem.detail === 'string' ? problem.detail : `The gateway answered ${status}.`;
  return new CommandRefusal(detail, problem);
}
