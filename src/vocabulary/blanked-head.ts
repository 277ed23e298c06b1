export type Span = readonly [from: number, to: number];

/** A head as it was written, with blanks where certain values stood: by it the next head of the same connection is known again. */
export class BlankedHead {
  /** All that stands before, between and behind the blanks. */
  readonly #pieces: readonly string[];

  /** The head is all of `text` from `from` on; `blanks` come in their order, and each ends with its line. */
  constructor(text: string, from: number, blanks: readonly Span[]) {
    const ends = [from, ...blanks.map(([, to]) => to)];
    const begins = [...blanks.map(([begin]) => begin), text.length];
    this.#pieces = ends.map((end, i) => text.slice(end, begins[i]));
  }

  /** What stands in the blanks of `text` from `from` on. Undefined where anything else differs. */
  read(text: string, from: number): readonly string[] | undefined {
    const pieces = this.#pieces;
    const values: string[] = [];
    let at = from;
    for (let i = 0; i < pieces.length; i += 1) {
      const piece = pieces[i] as string;
      const end = at + piece.length;
      if (text.slice(at, end) !== piece) return undefined;
      if (i === pieces.length - 1) return end === text.length ? values : undefined;
      at = text.indexOf('\r\n', end);
      if (at < 0) return undefined;
      values.push(text.slice(end, at));
    }
    return undefined;
  }
}
