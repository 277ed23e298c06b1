// Sleeps and beats. A beat that comes late does not make the next one late.
import { parentPort, workerData } from 'node:worker_threads';

const periodMs = workerData as number;
const never = new Int32Array(new SharedArrayBuffer(4));
let nextMs = performance.now();

while (true) {
  nextMs += periodMs;
  const restMs = nextMs - performance.now();
  if (restMs > 0) Atomics.wait(never, 0, 0, restMs);
  parentPort?.postMessage(0);
}
