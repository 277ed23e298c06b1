// Names that fields with secrets have: their values are never kept in clear text, whatever the table says. What is taken for a secret by
// mistake costs a value that would have been nice to see; the other mistake cannot be taken back.

const SECRET =
  /password|passwd|passphrase|secret|(api|private|signing|session)_?key|session|csrf|xsrf|authorization|credential|cookie|token(?!s)|(access|refresh|auth|api|id)_?tokens|(^|_)(pwd|otp|pin|jwt|auth|salt)(_|$)/;

/** `apiKey`, `X-Api-Key` and `api_key` are one name; `total_tokens` of an AI engine is a number and no secret. */
export function namesSecret(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toLowerCase();
  return SECRET.test(words);
}
