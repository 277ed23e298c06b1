/** Where the command line reads from and writes to: the process's own, or a test's. */
export type Terminal = Readonly<{
  out(text: string): void;
  err(text: string): void;
  /** What stdout is: a person's screen gets tables and colour, a pipe gets plain lines. */
  screen: Readonly<{ columns: number }> | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** The author of flips that name none. */
  userName: string;
  readFile(path: string): Promise<string>;
  /** Makes the folders on the way, and replaces a file that is there. */
  writeFile(path: string, text: string): Promise<void>;
  /** Names of the files in a folder; empty where there is none. */
  listFiles(folder: string): Promise<readonly string[]>;
  /** Asks the person at the keyboard; undefined where there is none. */
  ask?: ((question: string) => Promise<string>) | undefined;
  /** stdin and stdout as bytes, for what is no text. */
  streams?: Readonly<{ input: AsyncIterable<Buffer>; output: NodeJS.WritableStream }> | undefined;
}>;

/** 0 done, 1 refused or falls short, 2 wrong usage. */
export type ExitCode = 0 | 1 | 2;

/** Ends a command with one clear sentence and exit code 1. */
export class CommandRefusal extends Error {
  override readonly name = 'CommandRefusal';
  /** What `--json` prints instead of the sentence. */
  readonly json: object;

  constructor(sentence: string, json: object = { error: sentence }) {
    super(sentence);
    this.json = json;
  }
}

export function hasColour({ screen, env }: Terminal): boolean {
  return screen !== undefined && !env.NO_COLOR && env.TERM !== 'dumb';
}
