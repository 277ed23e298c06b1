/** Waits for `work`, but not longer than the signal allows: an engine that ignores its signal must not keep a request for ever. */
export function waitUnlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const giveUp = () => reject(signal.reason);
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  return promise;
}
