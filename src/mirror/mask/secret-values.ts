import { isSecretName } from './secret-names.ts';

// Values that are secrets whatever they are called: never kept in clear text, even where the table names the field.

const PATTERNS: readonly RegExp[] = [
  // JSON Web Tokens, signed or not.
  /\beyJ[\w-]{8,}\.[\w-]{4,}\./,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\b(?:bearer|basic|negotiate|ntlm)\s+[\w+/=.~-]{8,}/i,
  // Keys of services that mark them: Stripe, GitHub, Slack, AWS, Google, and ours.
  /\b(?:sk|pk|rk)_(?:live|test)_\w{8,}|\bgh[opsru]_\w{16,}|\bxox[abprs]-[\w-]{8,}|\bAKIA[A-Z0-9]{12,}|\bAIza[\w-]{30,}|\bbyn_[a-z0-9]+_\w{4,}/,
  // Passwords in URLs.
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:[^\s/@]+@/i,
  // Hashed passwords.
  /\bpbkdf2_\w+\$|\$2[aby]\$\d\d\$|\$argon2/,
  /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b/,
];

/** What a link, a form, a setting or a line of JSON gives a name to: `?token=x`, `password: x`, `SECRET_KEY = 'x'`. */
const NAMED = /([\w.%[\]-]{2,64})["']?\s{0,4}(?:=|:(?!\/\/))\s{0,4}["']?[^\s"'&,;<>]/g;
const CARD = /\b\d(?:[ -]?\d){12,18}\b/g;

export function looksSecret(text: string): boolean {
  return (
    PATTERNS.some((pattern) => pattern.test(text)) ||
    [...text.matchAll(CARD)].some(isCard) ||
    [...text.matchAll(NAMED)].some(([, name = '']) => isSecretName(name))
  );
}

/** The check digit of payment cards (ISO/IEC 7812-1). */
function isCard([text]: RegExpMatchArray): boolean {
  const digits = [...text.replace(/\D/g, '')].reverse().map(Number);
  const sum = digits.reduce((total, digit, i) => {
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}
