// Sleeps and beats. A beat that comes late does not make the next one late.
import { parentPort, workerData } from 'node:worker_threads';

const periodMs = workerData as number;
/** The kernel lets a sleeper sleep for about so much longer (timer slack, waking a core); what is slept too little is waited for awake. */
const OVERSLEPT_MS = 0.1;
const never = new Int32Array(new SharedArrayBuffer(4));
let nextMs = performance.now();

while (true) {
  nextMs += periodMs;
  const restMs = nextMs - performance.now() - OVERSLEPT_MS;
  if (restMs > 0) Atomics.wait(never, 0, 0, restMs);
  while (performance.now() < nextMs);
  parentPort?.postMessage(0);
}
