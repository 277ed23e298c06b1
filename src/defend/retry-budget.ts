/** Retries may add so much to what a side is asked anyway: a tenth. More of them would finish off a side that is failing. */
const PER_REQUEST = 0.1;
/** Enough for the few connections that go stale while there is little traffic. */
const MOST_SAVED = 10;

export type RetryBudget = Readonly<{
  /** A request has been sent for the first time. */
  earn(): void;
  /** True if one more try may be made; it is paid for by that. */
  spend(): boolean;
}>;

export function createRetryBudget(): RetryBudget {
  let saved = MOST_SAVED;
  return {
    earn: () => {
      saved = Math.min(MOST_SAVED, saved + PER_REQUEST);
    },
    spend: () => {
      if (saved < 1) return false;
      saved -= 1;
      return true;
    },
  };
}
