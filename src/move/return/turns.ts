/** Work for the same key goes one after the other, in the order in which it came. */
export class Turns {
  readonly #last = new Map<unknown, Promise<unknown>>();

  take<T>(key: unknown, work: () => Promise<T>): Promise<T> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const ended = turn
      .catch(() => undefined)
      .finally(() => {
        if (this.#last.get(key) === ended) this.#last.delete(key);
      });
    this.#last.set(key, ended);
    return turn;
  }

  async ended(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
