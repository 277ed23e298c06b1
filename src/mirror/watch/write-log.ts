import type { TenantName } from '../../vocabulary/index.ts';

type Span = { readonly fromMs: number; toMs: number };

const KEPT_MS = 30_000;
/** Spans kept per tenant; a tenant with more writes in that time is never alone. */
const MOST_SPANS = 500;

/** Which writes of a tenant were on their way to legacy, and when: what a rehearsal needs to tell whose rows are whose. */
export class WriteLog {
  readonly #spans = new Map<TenantName, Span[]>();

  /** Answers what to call at the end of the write. */
  began(tenant: TenantName, atMs: number): (endedMs: number) => void {
    const spans = this.#spans.get(tenant) ?? [];
    if (spans.length === 0) this.#spans.set(tenant, spans);
    const span: Span = { fromMs: atMs, toMs: Number.POSITIVE_INFINITY };
    spans.push(span);
    this.#tidy(tenant, spans, atMs);
    return (endedMs) => {
      span.toMs = endedMs;
    };
  }

  /** True where exactly one write overlaps the time asked about. */
  wasAlone(tenant: TenantName, fromMs: number, toMs: number): boolean {
    const spans = this.#spans.get(tenant) ?? [];
    if (spans.length >= MOST_SPANS) return false;
    return spans.filter((span) => span.fromMs <= toMs && span.toMs >= fromMs).length <= 1;
  }

  #tidy(tenant: TenantName, spans: Span[], nowMs: number): void {
    if (spans.length < 64 || spans.length % 16 !== 0) return;
    const kept = spans.filter((span) => span.toMs > nowMs - KEPT_MS).slice(-MOST_SPANS);
    this.#spans.set(tenant, kept);
  }
}
