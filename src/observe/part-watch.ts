import type { Emit, Part } from '../vocabulary/index.ts';

type Parts = Readonly<{
  store: Readonly<{ ping(): Promise<void> }>;
  forward: Readonly<{ ping(timeoutMs: number): Promise<boolean> }>;
  emit: Emit;
}>;

const EVERY_MS = 1_000;
const PATIENCE_MS = 900;

/** Looks after the parts outside this process: asks each every second, and tells when one goes or comes back. Answers the way to stop. */
export function watchParts({ store, forward, emit }: Parts): () => void {
  const last = new Map<Part, boolean>();
  const note = (part: Part, isReady: boolean, trouble: string) => {
    if (last.get(part) === isReady) return;
    last.set(part, isReady);
    emit({
      type: 'part_changed',
      part,
      state: isReady ? 'ready' : 'not_ready',
      detail: isReady ? 'answers' : trouble,
    });
  };
  let isStopped = false;
  const look = async () => {
    const [storeAnswers, legacyAnswers] = await Promise.all([
      answers(store.ping()),
      forward.ping(PATIENCE_MS),
    ]);
    if (isStopped) return;
    note('store', storeAnswers, 'the database does not answer: check DATABASE_URL and the database');
    note('legacy', legacyAnswers, 'the monolith does not answer: check LEGACY_URL and the monolith');
    timer = setTimeout(look, EVERY_MS);
    timer.unref();
  };
  let timer = setTimeout(look, 0);
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

const answers = (question: Promise<void>) => question.then(() => true).catch(() => false);
