import { type Feature, routeByName } from '../view.ts';
import { complete } from './completions.ts';
import { listJobs, showJob } from './jobs.ts';

/** Completions, whole or as a stream of words, and the jobs that they leave. */
export function openAi(wish: Readonly<{ timeoutMs: number }>): Feature {
  return routeByName('ai', {
    complete: { allow: 'POST, OPTIONS', run: (exchange) => complete(exchange, wish.timeoutMs) },
    jobs: { allow: 'GET, HEAD, OPTIONS', run: listJobs },
    job: { allow: 'GET, HEAD, OPTIONS', run: showJob },
  });
}
