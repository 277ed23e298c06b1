import { authorize, session } from './api.js';

const PAUSES_MS = [500, 1000, 2000, 5000];
let lastId = '0';

/**
 * Follows the gateway's events for as long as the tab is signed in. EventSource cannot send a token, so the stream is read
 * by hand; the first time, what the gateway still remembers comes first.
 */
export async function follow({ onEvent, onState }) {
  let failures = 0;
  while (session.token) {
    try {
      await readStream(onEvent, () => {
        failures = 0;
        onState('live');
      });
    } catch {
      // Told below: every end of a stream is the same to the reader.
    }
    if (!session.token) return;
    onState('lost');
    await new Promise((resume) => setTimeout(resume, PAUSES_MS[Math.min(failures++, PAUSES_MS.length - 1)]));
  }
}

async function readStream(onEvent, onOpen) {
  const answer = await fetch('/api/events', { headers: authorize({ 'last-event-id': lastId }) });
  if (!answer.ok) return;
  onOpen();
  let rest = '';
  for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop();
    for (const block of blocks) readBlock(block, onEvent);
  }
}

function readBlock(block, onEvent) {
  const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2)));
  if (fields.id) lastId = fields.id;
  if (fields.data) onEvent(JSON.parse(fields.data));
}
