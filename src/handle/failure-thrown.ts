import type { Failure } from '../vocabulary/index.ts';

/** Carries an expected failure out of a handler; `answer` turns it back into a value. */
export class FailureThrown extends Error {
  override readonly name = 'FailureThrown';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}
