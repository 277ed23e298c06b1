import { Histogram } from './histogram.ts';

/** What happened to the requests of one measurement. */
export class Tally {
  readonly latenciesUs = new Histogram();
  readonly latenessUs = new Histogram();
  readonly wrongStatuses: Record<number, number> = {};
  errors = 0;

  noteWrongStatus(status: number): void {
    this.wrongStatuses[status] = (this.wrongStatuses[status] ?? 0) + 1;
  }
}
