/** An expected failure that a person at a terminal can mend: its message is one sentence, and nobody wants a stack. */
export class LegacyRefusal extends Error {
  override readonly name = 'LegacyRefusal';
}
