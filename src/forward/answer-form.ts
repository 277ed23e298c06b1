import { BlankedHead, type Span } from '../vocabulary/index.ts';
import { type FieldName, NOT_IN_A_VALUE } from './field-name.ts';

/** What the heads of one connection have in common where they differ in a few values only (`BLANKS` of `field-name.ts`). Known by its identity. */
export type AnswerForm = Readonly<{ status: number }>;

/** What the head of an answer says. */
export type AnswerWords = {
  /** Of HTTP/1; empty until the status line has been read. */
  minor: string;
  status: number;
  phrase: string;
  /** Name and value in turn; each character is a byte. */
  raw: string[];
  length: string | undefined;
  coding: string | undefined;
  connection: string;
  keepAlive: string;
};

/** Where the values stand that differ from answer to answer. */
export type Marks = {
  readonly blanks: Span[];
  /** Their places among the words' `raw`. */
  readonly places: number[];
  lengthAt: number | undefined;
  hasCookies: boolean;
};

const MOST_KEPT_BYTES = 2 * 1024;

/** The last head of a connection, and what was read off it. */
type Written = Readonly<{ text: BlankedHead; words: Readonly<AnswerWords>; marks: Readonly<Marks> }>;

/** What a connection to legacy remembers of the answers that it has carried: the next one mostly says the same again. */
export class AnswerMemory {
  #last: Written | undefined;
  #form: AnswerForm | undefined;

  /** Of the head that was recalled last. */
  get form(): AnswerForm | undefined {
    return this.#form;
  }

  /** What a head says that is like the one before it: what was judged then need not be judged again. Undefined: it is another one. */
  recall(text: string): AnswerWords | undefined {
    const blanks = this.#last?.text.read(text, 0);
    if (this.#last === undefined || blanks === undefined) return undefined;
    const { words, marks } = this.#last;
    const raw = words.raw.slice();
    for (let i = 0; i < blanks.length; i += 1) {
      const value = skipSpace(blanks[i] as string);
      const place = marks.places[i] as number;
      if (value === raw[place]) continue;
      if (NOT_IN_A_VALUE.test(value)) return undefined;
      raw[place] = value;
    }
    this.#form ??= Object.freeze({ status: words.status });
    const length = marks.lengthAt === undefined ? undefined : trimSpace(raw[marks.lengthAt] ?? '');
    return { ...words, raw, length };
  }

  /** Cookies are secrets, and hardly ever come twice; what is long is not kept for as long as a connection, nor is an interim answer. */
  learn(text: string, words: AnswerWords, marks: Marks): void {
    const isKept = !marks.hasCookies && words.status >= 200 && text.length <= MOST_KEPT_BYTES;
    this.#form = undefined;
    this.#last = isKept ? { text: new BlankedHead(text, 0, marks.blanks), words, marks } : undefined;
  }

  forget(): void {
    this.#form = undefined;
    this.#last = undefined;
  }
}

export const openMarks = (): Marks => ({ blanks: [], places: [], lengthAt: undefined, hasCookies: false });

/** Notes the line that was read last: `span` is where its value stands in the head, `place` among the words' `raw`. */
export function mark(marks: Marks, { isBlank, key }: FieldName, span: Span, place: number): void {
  if (key === 'set-cookie') marks.hasCookies = true;
  if (!isBlank) return;
  marks.places.push(place);
  marks.blanks.push(span);
  if (key === 'content-length') marks.lengthAt = place;
}

function skipSpace(text: string): string {
  let from = 0;
  while (from < text.length && isSpace(text.charCodeAt(from))) from += 1;
  return from === 0 ? text : text.slice(from);
}

/** Of what JavaScript takes for space, HTTP knows two (RFC 9110 section 5.6.3). */
export function trimSpace(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

export const isSpace = (code: number) => code === 32 || code === 9;
