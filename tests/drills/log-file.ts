import { closeSync, openSync, readSync } from 'node:fs';

export type LogLine = Readonly<{ time: string; event: string; worker?: number; [field: string]: unknown }>;

const PIECE_BYTES = 1024 * 1024;

/** Reads a log that grows: every event but those of single requests, which are counted, and whatever else was printed. */
export class LogFile {
  readonly #file: number;
  readonly #events: LogLine[] = [];
  readonly #words: string[] = [];
  #requests = 0;
  #rest = '';

  constructor(path: string) {
    this.#file = openSync(path, 'r');
  }

  /** All events of this kind so far. */
  find(event: string): readonly LogLine[] {
    this.#readOn();
    return this.#events.filter((line) => line.event === event);
  }

  /** Lines that are no events: a warning of Node, a stack trace. */
  get words(): readonly string[] {
    this.#readOn();
    return this.#words;
  }

  get requests(): number {
    this.#readOn();
    return this.#requests;
  }

  close(): void {
    closeSync(this.#file);
  }

  #readOn(): void {
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let length = readSync(this.#file, piece); length > 0; length = readSync(this.#file, piece)) {
      const lines = (this.#rest + piece.toString('utf8', 0, length)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    }
  }

  #take(line: string): void {
    if (line.includes('"event":"request_finished"')) this.#requests += 1;
    else if (line.startsWith('{"time"')) this.#events.push(JSON.parse(line) as LogLine);
    else if (line !== '') this.#words.push(line);
  }
}
