/** Processor time used while copies are judged: what following legacy's rows takes at other times is not theirs. */
export class WorkMeter {
  readonly #readUs: () => number;
  #atWork = 0;
  #sinceUs = 0;

  constructor(readUs: () => number) {
    this.#readUs = readUs;
  }

  begin(): void {
    if (this.#atWork === 0) this.#sinceUs = this.#readUs();
    this.#atWork += 1;
  }

  /** What was used since the last copy ended, or since this one began where it was the only one, in ms. */
  end(): number {
    const [nowUs, sinceUs] = [this.#readUs(), this.#sinceUs];
    this.#atWork -= 1;
    this.#sinceUs = nowUs;
    return (nowUs - sinceUs) / 1_000;
  }
}
