import { codeOf } from '../trouble.ts';

/** Why nothing could be proven; the message is a sentence with its remedy, and never a value of a row. */
export class VerifyTrouble extends Error {
  override readonly name = 'VerifyTrouble';
}

const SENTENCES: Readonly<Record<string, string>> = {
  '42501': "The role of LEGACY_DATABASE_URL may not read the tenant's tables on legacy. Grant it SELECT.",
  '55P03': 'A table of legacy is locked by a change of its schema. Wait for its end and try again.',
  '57014': 'Legacy ended a statement that took too long. Verify at a quieter hour.',
};

/** What legacy's database said. The driver's own message may hold an address. */
export function nameLegacyTrouble(error: unknown): VerifyTrouble {
  const code = codeOf(error);
  const sentence = SENTENCES[code] ?? `Legacy's rows cannot be read at the moment (${code || 'no answer'}).`;
  return new VerifyTrouble(sentence, { cause: error });
}
