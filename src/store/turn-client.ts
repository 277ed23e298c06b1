import type { Prisma } from './generated/client.ts';
import { READS } from './operations.ts';

type Client = Prisma.TransactionClient;
type Sql = TemplateStringsArray | Prisma.Sql;

/** What has been asked so far. SQL text may do anything. */
export type Asked = 'nothing' | 'to_read' | 'anything';

const ONLY_READS: ReadonlySet<string> = new Set(READS);

type Delegate = Readonly<Record<string, (args: unknown) => PromiseLike<unknown>>>;

/**
 * Prisma's client for the length of one turn. Prisma itself would go on with whoever has the lane next: therefore queries begin when
 * they are asked, not when somebody waits for them, and none begins after the end.
 */
export class TurnClient {
  readonly #client: Client;
  #asked: Asked = 'nothing';
  #went: 'well' | 'wrong' = 'well';
  #inFlight = 0;
  #state: 'open' | 'closed' = 'open';
  #settled: (() => void) | undefined;

  constructor(client: Client) {
    this.#client = client;
  }

  get asked(): Asked {
    return this.#asked;
  }

  /** `wrong`: at least one query has failed, and Prisma may still be at other parts of it. */
  get went(): 'well' | 'wrong' {
    return this.#went;
  }

  ask(model: string, operation: string, args: unknown): Promise<unknown> {
    return this.#run(ONLY_READS.has(operation) ? 'to_read' : 'anything', () => {
      const delegate = this.#client[model as keyof Client] as unknown as Delegate;
      const method = delegate[operation];
      if (method === undefined) throw new TypeError(`${model} has no ${operation}.`);
      return method(args);
    });
  }

  $queryRaw<T = unknown>(sql: Sql, ...values: unknown[]): Promise<T> {
    return this.#run('anything', () => this.#client.$queryRaw<T>(sql, ...values));
  }

  $executeRaw(sql: Sql, ...values: unknown[]): Promise<number> {
    return this.#run('anything', () => this.#client.$executeRaw(sql, ...values));
  }

  $queryRawUnsafe<T = unknown>(sql: string, ...values: unknown[]): Promise<T> {
    return this.#run('anything', () => this.#client.$queryRawUnsafe<T>(sql, ...values));
  }

  $executeRawUnsafe(sql: string, ...values: unknown[]): Promise<number> {
    return this.#run('anything', () => this.#client.$executeRawUnsafe(sql, ...values));
  }

  /** Begins no query from now on; resolves once all that have begun are done. */
  async close(): Promise<void> {
    this.#state = 'closed';
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#settled = resolve;
    });
  }

  #run<T>(what: Asked, start: () => PromiseLike<T>): Promise<T> {
    if (this.#state === 'closed')
      return Promise.reject(new Error('The transaction is over: wait inside of it for every query.'));
    if (this.#asked !== 'anything') this.#asked = what;
    const answer = this.#count(start);
    // Whoever does not wait for it does not end the process by its error.
    answer.catch(() => undefined);
    return answer;
  }

  async #count<T>(start: () => PromiseLike<T>): Promise<T> {
    this.#inFlight += 1;
    try {
      return await start();
    } catch (error) {
      this.#went = 'wrong';
      throw error;
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#settled?.();
    }
  }
}
