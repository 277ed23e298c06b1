import { COOKIE_ATTRIBUTES, parsePath } from '../compare/index.ts';

// Names that secrets go by. What is taken for a secret by mistake costs a value that would have been good to see; the other mistake cannot
// be taken back. A closed list: docs/comparing.md tells it.

/** Found anywhere in a name, once everything but letters and digits is taken out of it. */
export const SECRET_PARTS = [
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'pwd',
  'secret',
  'token',
  'authoriz',
  'authentication',
  'bearer',
  'credential',
  'cookie',
  'session',
  'sessid',
  'apikey',
  'accesskey',
  'privatekey',
  'signingkey',
  'encryptionkey',
  'masterkey',
  'sshkey',
  'csrf',
  'xsrf',
  'creditcard',
  'cardnumber',
  'ccnumber',
  'securitycode',
  'recoverycode',
  'backupcode',
  'verificationcode',
  'magiclink',
  'connectionstring',
  'socialsecurity',
  'bankaccount',
  'accountnumber',
  'routingnumber',
  'taxid',
  'signature',
] as const;

/** Secrets only as a whole word: `pin` is one, `shipping` is none. */
export const SECRET_WORDS = [
  'auth',
  'bic',
  'card',
  'ccn',
  'cvc',
  'cvv',
  'hmac',
  'iban',
  'jwt',
  'mfa',
  'nonce',
  'otp',
  'pan',
  'pass',
  'pin',
  'pw',
  'salt',
  'sid',
  'ssn',
  'tan',
  'totp',
] as const;

/** How many words an AI engine has read and written is a number, and no secret. */
const COUNTED_TOKENS = /^(?:max|min|num|prompt|completion|input|output|total|used|cached|reasoning)tokens?$/;

const WORDS: ReadonlySet<string> = new Set(SECRET_WORDS);

/** `apiKey`, `X-Api-Key` and `api_key` are one name. */
export function isSecretName(name: string): boolean {
  const words = name
    .normalize('NFKD')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  const squashed = words.join('');
  if (COUNTED_TOKENS.test(squashed)) return false;
  if (words.some((word) => WORDS.has(word.replace(/\d+$/, '')))) return true;
  return SECRET_PARTS.some((part) => squashed.includes(part));
}

/** What an attribute of a cookie says is no secret, unlike the cookie. */
const isOpenAttribute = (step: string) => step.startsWith(';') && COOKIE_ATTRIBUTES.has(step.slice(1));

/** `auth_user` holds users, and most of what is in it is no secret: the prefix is that of a Django app. */
const withoutApp = (table: string) => table.replace(/^auth_/, '');

/** Does a place, given by its steps, hold a secret: by its own name or one above it? */
export function isSecretPlace(steps: readonly string[]): boolean {
  const [space = '', ...names] = steps;
  if (space === 'cookie:') return !isOpenAttribute(names[1] ?? '');
  if (space === 'rows:') return names.some((name, i) => isSecretName(i === 0 ? withoutApp(name) : name));
  return names.some((name) => isSecretName(name.replace(/^@/, '')));
}

/** The same for a path as differences have it. What is no path is a secret. */
export function isSecretPath(path: string): boolean {
  const steps = parsePath(path);
  return steps === undefined || isSecretPlace(steps);
}
