import { Histogram, type Registry } from 'prom-client';

/** Counts of one series: each bucket alone, then what lies beyond the last bound, and the sum. */
export class Buckets {
  readonly #bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at += 1;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += value;
  }
}

export type Series = Readonly<{ labels: Readonly<Record<string, string>>; buckets: Buckets }>;

type Value = { labels: Record<string, string | number>; value: number; metricName: string };

/** A histogram whose counts are kept elsewhere, and read when it is scraped. */
export class BucketHistogram extends Histogram {
  readonly #said: Readonly<{ name: string; help: string; bounds: readonly number[] }>;
  readonly #read: () => Iterable<Series>;

  constructor(
    said: Readonly<{ name: string; help: string; bounds: readonly number[]; registers: Registry[] }>,
    read: () => Iterable<Series>,
  ) {
    super({ name: said.name, help: said.help, buckets: [...said.bounds], registers: said.registers });
    this.#said = said;
    this.#read = read;
  }

  override async get() {
    const { name, help } = this.#said;
    const values = [...this.#read()].flatMap((series) => this.#list(series));
    return { name, help, type: 'histogram', aggregator: 'sum', values } as unknown as Awaited<
      ReturnType<Histogram['get']>
    >;
  }

  /** What the registry asks for when it writes text. */
  getForPromString() {
    return this.get();
  }

  /** Prometheus' buckets hold all that is below their bound, too. */
  #list({ labels, buckets }: Series): Value[] {
    const { name, bounds } = this.#said;
    let sum = 0;
    const values: Value[] = [...buckets.counts].map((count, i) => {
      sum += count;
      return { labels: { le: bounds[i] ?? '+Inf', ...labels }, value: sum, metricName: `${name}_bucket` };
    });
    values.push({ labels, value: buckets.sum, metricName: `${name}_sum` });
    values.push({ labels, value: sum, metricName: `${name}_count` });
    return values;
  }
}
