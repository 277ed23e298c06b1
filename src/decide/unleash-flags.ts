import type { ClientFeaturesResponse } from 'unleash-client';
import type { Emit, FlagName } from '../vocabulary/index.ts';
import { NO_FLAGS, readFlagAnswer } from './flag-answer.ts';
import type { FlagSet } from './flag-evaluator.ts';
import { connectUnleash, type UnleashConnection, type UnleashSettings } from './unleash-connection.ts';

export type UnleashParts = Readonly<{
  settings: UnleashSettings;
  emit: Emit;
  /** The flags that the table names: losing many of them at once is taken for a fault of the server. */
  listNeeded(): readonly FlagName[];
  onFlags(set: FlagSet): void;
}>;

const REFRESH_MS = 15_000;
const START_WITHIN_MS = 1_500;
/** Silence for so many intervals is called stale, and the connection is made anew. */
const STALE_INTERVALS = 3;

/** Answers once the server has said something, or when it has been waited for long enough. */
export async function openUnleashFlags(parts: UnleashParts): Promise<UnleashFlags> {
  const first = Promise.withResolvers<void>();
  const timer = setTimeout(first.resolve, parts.settings.startWithinMs ?? START_WITHIN_MS);
  const flags = new UnleashFlags(parts, first.resolve);
  await first.promise;
  clearTimeout(timer);
  flags.endStart();
  return flags;
}

type Freshness = 'starting' | 'ready' | 'default' | 'stale';

/**
 * The newest good set of flags that an Unleash server has told. Silence, 401, nonsense and an emptied list keep the last good set;
 * while there is none, every flag is unknown. A watchdog makes the connection anew, since the library gives up for good after a 401.
 */
export class UnleashFlags {
  readonly #parts: UnleashParts;
  readonly #refreshMs: number;
  readonly #watchdog: NodeJS.Timeout;
  /** Called whenever the server has said anything, good or bad. */
  readonly #onWord: () => void;
  #set = NO_FLAGS;
  #freshness: Freshness = 'starting';
  #trouble = 'the flag service has not answered';
  #isLastRefused = false;
  /** The library takes an answer's ETag before it has the answer: after a failure, "unchanged" may mean what was never taken in. */
  #isEtagDoubtful = false;
  #isGivenUp = false;
  #heardAt = performance.now();
  #connectedAt = performance.now();
  #connection: UnleashConnection;

  constructor(parts: UnleashParts, onWord: () => void) {
    this.#parts = parts;
    this.#onWord = onWord;
    this.#refreshMs = parts.settings.refreshMs ?? REFRESH_MS;
    this.#connection = this.#connect();
    this.#watchdog = setInterval(() => this.#watch(), this.#refreshMs).unref();
  }

  current(): FlagSet {
    return this.#set;
  }

  endStart(): void {
    if (this.#freshness === 'starting') this.#become('default', this.#trouble);
  }

  close(): void {
    clearInterval(this.#watchdog);
    this.#connection.close();
  }

  #connect(): UnleashConnection {
    this.#connectedAt = performance.now();
    this.#isGivenUp = false;
    this.#isLastRefused = false;
    this.#isEtagDoubtful = false;
    return connectUnleash(
      { ...this.#parts.settings, refreshMs: this.#refreshMs },
      {
        onAnswer: (answer) => this.#take(answer),
        onUnchanged: () => (this.#isEtagDoubtful ? this.#reconnect() : this.#hear()),
        onTrouble: (detail, isFinal) => {
          this.#isGivenUp ||= isFinal;
          this.#isEtagDoubtful = true;
          this.#complain(detail);
        },
      },
    );
  }

  #take(answer: ClientFeaturesResponse): void {
    const read = readFlagAnswer(answer, this.#set, this.#parts.listNeeded());
    this.#isLastRefused = read.kind === 'refused';
    this.#isEtagDoubtful = this.#isLastRefused;
    if (read.kind === 'refused') return this.#complain(read.detail);
    const isChanged = JSON.stringify(read.set) !== JSON.stringify(this.#set);
    this.#set = read.set;
    if (isChanged) this.#parts.onFlags(read.set);
    // Changed flags are told even where they were ready before.
    if (isChanged && this.#freshness === 'ready') this.#tell('ready', this.#describe());
    this.#hear();
  }

  #hear(): void {
    this.#heardAt = performance.now();
    this.#parts.emit({ type: 'flags_heard' });
    this.#become('ready', this.#describe());
    this.#onWord();
  }

  #complain(detail: string): void {
    this.#trouble = detail;
    this.#onWord();
  }

  #watch(): void {
    const patienceMs = STALE_INTERVALS * this.#refreshMs;
    const now = performance.now();
    const isSilent = now - this.#heardAt > patienceMs;
    if (isSilent || this.#isGivenUp || this.#isLastRefused)
      this.#become(this.#set === NO_FLAGS ? 'default' : 'stale', this.#trouble);
    if (!this.#isGivenUp && !(isSilent && now - this.#connectedAt > patienceMs)) return;
    this.#reconnect();
  }

  #reconnect(): void {
    this.#connection.close();
    this.#connection = this.#connect();
  }

  #become(next: Exclude<Freshness, 'starting'>, detail: string): void {
    if (this.#freshness !== next) this.#tell(next, detail);
  }

  #tell(next: Exclude<Freshness, 'starting'>, detail: string): void {
    this.#freshness = next;
    this.#parts.emit({ type: 'flags_changed', source: 'unleash', state: next, detail });
  }

  #describe(): string {
    return `${this.#set.definitions.length} flags from the flag service`;
  }
}
