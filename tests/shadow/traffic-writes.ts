import type { Die } from '../../legacy-stub/seed/random.ts';
import { METADATA, SENTENCES } from '../../legacy-stub/seed/words.ts';
import { COMPLETE, FILES, LOGIN, LOGOUT, logIn, messagesOf, post, remove, upload } from './asks.ts';
import type { Shot } from './shot.ts';
import type { Known } from './traffic-reads.ts';

const PEOPLE = ['ada', 'grace', 'linus', 'margaret', 'edsger'] as const;
const NAMES = [
  'plan.pdf',
  'Übersicht 2026.csv',
  '会議.txt',
  "it's (final) v2.txt",
  'archive.tar.gz',
] as const;
const TYPES = ['text/plain', 'application/pdf', 'Text/CSV; charset=utf-8', 'image/svg+xml'] as const;
const FORMS = [
  '{"one":1.0,"exp":1e-05,"ten":1.10,"long":12345678901234567890.123}',
  '{"b":1,"aa":2,"a":{"z":[],"y":{}},"é":"\\u00e9\\u2028"}',
] as const;

export function postMessage(tenant: string, { sessions }: Known, die: Die): Shot {
  const path = messagesOf(die.onceIn(20) ? '999' : die.between(1, 3));
  if (die.onceIn(8))
    return post(
      tenant,
      path,
      die.pick(['{"body":"  "}', '{}', 'broken', '[1]', '{"body":"x","metadata":[]}', '{"body":5}']),
    );
  const as = sessions.length > 0 && die.onceIn(4) ? die.pick(sessions) : 'key';
  const body = JSON.stringify(`${die.onceIn(5) ? ' ' : ''}${die.pick(SENTENCES)} ${die.between(1, 9999)}`);
  const metadata = die.onceIn(3) ? `,"metadata":${die.pick([...METADATA, ...FORMS])}` : '';
  return post(tenant, path, `{"body":${body}${metadata}}`, { as });
}

export function complete(tenant: string, _known: Known, die: Die): Shot {
  if (die.onceIn(8))
    return post(
      tenant,
      COMPLETE,
      die.pick([{}, { prompt: '' }, { prompt: 'x', temperature: 2.1, max_tokens: 0 }, '{"prompt":']),
    );
  return post(tenant, COMPLETE, { prompt: pickPrompt(die), ...pickOptions(die) });
}

export function streamCompletion(tenant: string, _known: Known, die: Die): Shot {
  return post(tenant, COMPLETE, { prompt: pickPrompt(die), stream: true, ...pickOptions(die) });
}

const pickPrompt = (die: Die) => `${die.pick(SENTENCES)}  Part ${die.between(1, 9999)}`;
const pickOptions = (die: Die) =>
  die.pick([
    {},
    {},
    { temperature: 1, max_tokens: 5 },
    { temperature: 0.00001, max_tokens: '7' },
    { model: 'banyan-large' },
  ]);

export function makeLogin(tenant: string, { sessions }: Known, die: Die): Shot {
  if (die.onceIn(4)) return logIn(tenant, die.pick(['ada', 'nobody', 'gone', 'ADA']), 'wrong');
  if (die.onceIn(10)) return post(tenant, LOGIN, '{"username":"x"', { as: 'nobody' });
  const session = die.onceIn(8) ? sessions.pop() : undefined;
  return logIn(tenant, die.pick(PEOPLE), 'demo', session && { as: session });
}

export function makeLogout(tenant: string, { sessions }: Known, die: Die): Shot {
  const session = sessions.length > 3 ? sessions.shift() : undefined;
  const as = session ?? (die.onceIn(2) ? 'nobody' : 'key');
  return { tenant, method: 'POST', target: LOGOUT, as };
}

export function makeUpload(tenant: string, _known: Known, die: Die): Shot {
  if (die.onceIn(12)) return post(tenant, FILES, '{}');
  const size = die.onceIn(100)
    ? 300_000
    : die.onceIn(10)
      ? die.between(20_000, 90_000)
      : die.between(0, 3_000);
  return upload(tenant, die.pick(NAMES), 'räksmörgås '.repeat(size / 13 + 1).slice(0, size), die.pick(TYPES));
}

export function removeFile(tenant: string, { files }: Known, die: Die): Shot {
  const file = files.length > 5 && !die.onceIn(8) ? files.shift() : undefined;
  return remove(tenant, file ?? die.pick(['9999', 'x']));
}
