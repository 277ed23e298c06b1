import { createHash } from 'node:crypto';
import {
  ArchiveDamaged,
  type ArchiveFooter,
  type ArchiveHeader,
  readFooter,
  readHeader,
  readTableLine,
  Summing,
  TABLE_END,
  type TableSum,
} from './archive-format.ts';

/** What an archive says, in its order. `rows` are whole lines of one table. */
export type ArchivePart =
  | Readonly<{ kind: 'header'; header: ArchiveHeader }>
  | Readonly<{ kind: 'table'; name: string }>
  | Readonly<{ kind: 'rows'; rows: Buffer }>
  | Readonly<{ kind: 'footer'; footer: ArchiveFooter }>;

const LINE_END = 10;
const TRUNCATED = 'The archive ends in the middle: it was cut off, or its writing was.';
// Of a line that is no row: the first one of a hundred tables has some tens of thousands.
const LONGEST_LINE = 1_000_000;

/**
 * Reads an archive as it comes, holding no more of it than its longest row. What it says is right only once the footer has come: until
 * then it is believed on trial. Throws ArchiveDamaged, and for another version StoreRefusal.
 */
export async function* readArchive(
  source: AsyncIterable<Buffer>,
): AsyncGenerator<ArchivePart, void, undefined> {
  const input = new Input(source);
  try {
    yield* readParts(input);
  } finally {
    await input.close();
  }
}

async function* readParts(input: Input): AsyncGenerator<ArchivePart, void, undefined> {
  const header = readHeader(await input.line('This is no archive that "banyan tenants export" has written.'));
  yield { kind: 'header', header };
  const tables: TableSum[] = [];
  for (const { name } of header.tables) {
    if (readTableLine(await input.line(TRUNCATED)) !== name)
      throw new ArchiveDamaged(`The archive is damaged where the rows of ${name} should begin.`);
    yield { kind: 'table', name };
    const summing = new Summing();
    for await (const rows of input.rows()) {
      summing.add(rows);
      yield { kind: 'rows', rows };
    }
    tables.push(summing.end(name));
  }
  const sha256 = input.sum();
  const footer = readFooter(await input.line(TRUNCATED));
  if (footer === undefined) throw new ArchiveDamaged('The archive is damaged in its last line.');
  judge(footer, { sha256, tables });
  await input.end();
  yield { kind: 'footer', footer };
}

/** Reads an archive to its end without a database. Throws as above. */
export async function checkArchive(
  source: AsyncIterable<Buffer>,
): Promise<Readonly<{ header: ArchiveHeader; footer: ArchiveFooter }>> {
  let header: ArchiveHeader | undefined;
  for await (const part of readArchive(source)) {
    if (part.kind === 'header') header = part.header;
    if (part.kind === 'footer' && header !== undefined) return { header, footer: part.footer };
  }
  throw new ArchiveDamaged(TRUNCATED);
}

function judge(told: ArchiveFooter, seen: ArchiveFooter): void {
  for (const [nr, sum] of seen.tables.entries()) {
    const said = told.tables[nr];
    if (said?.name !== sum.name || said.rows !== sum.rows || said.sha256 !== sum.sha256)
      throw new ArchiveDamaged(
        `The rows of ${sum.name} are not as they were exported: the archive is damaged.`,
      );
  }
  if (told.sha256 !== seen.sha256 || told.tables.length !== seen.tables.length)
    throw new ArchiveDamaged('The archive is not as it was exported: it is damaged between its tables.');
}

/** The bytes of an archive, cut into lines. */
class Input {
  readonly #bytes: AsyncIterator<Buffer>;
  readonly #hash = createHash('sha256');
  /** Read, and not yet handed out. */
  #left: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#bytes = source[Symbol.asyncIterator]();
  }

  /** The next line, without its end. */
  async line(otherwise: string): Promise<string> {
    let at = this.#left.indexOf(LINE_END);
    while (at === -1) {
      const before = this.#left.length;
      if (before > LONGEST_LINE || !(await this.#fill())) throw new ArchiveDamaged(otherwise);
      at = this.#left.indexOf(LINE_END, before);
    }
    return this.#take(at + 1).toString('utf8', 0, at);
  }

  /** Whole rows, until the line that ends them. */
  async *rows(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const end = findEnd(this.#left);
      if (end !== -1) {
        if (end > 0) yield this.#take(end);
        this.#take(TABLE_END.length);
        return;
      }
      const whole = this.#left.lastIndexOf(LINE_END) + 1;
      // The last line may be the beginning of the end.
      if (whole > 0) yield this.#take(whole);
      if (!(await this.#fillRow())) throw new ArchiveDamaged(TRUNCATED);
    }
  }

  /** Of everything handed out until now. */
  sum(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Whoever sends it need not go on. */
  async close(): Promise<void> {
    await this.#bytes.return?.();
  }

  async end(): Promise<void> {
    if (this.#left.length > 0 || (await this.#fill()))
      throw new ArchiveDamaged('Something comes after the end of the archive.');
  }

  #take(bytes: number): Buffer {
    const taken = this.#left.subarray(0, bytes);
    this.#left = this.#left.subarray(bytes);
    this.#hash.update(taken);
    return taken;
  }

  async #fill(): Promise<boolean> {
    const { done, value } = await this.#bytes.next();
    if (done) return false;
    this.#left = this.#left.length === 0 ? value : Buffer.concat([this.#left, value]);
    return true;
  }

  /** Until there is a line's end: put together once, however long the row is. */
  async #fillRow(): Promise<boolean> {
    const pieces = [this.#left];
    for (;;) {
      const { done, value } = await this.#bytes.next();
      if (done) return false;
      pieces.push(value);
      if (!value.includes(LINE_END)) continue;
      this.#left = Buffer.concat(pieces);
      return true;
    }
  }
}

/** Where the line that ends the rows begins; -1 where it is not among these lines. COPY never writes such a row. */
function findEnd(lines: Buffer): number {
  if (lines.length >= TABLE_END.length && lines.subarray(0, TABLE_END.length).equals(TABLE_END)) return 0;
  const at = lines.indexOf(`\n${TABLE_END.toString()}`);
  return at === -1 ? -1 : at + 1;
}
