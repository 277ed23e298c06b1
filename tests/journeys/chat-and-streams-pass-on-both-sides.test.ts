import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { startHouse, type TestHouse, tableAt } from '../support/house.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await startHouse({ legacy: { tokenMs: 20 } });
});
afterAll(() => house.close());

describe.each(['legacy', 'new'] as const)('on the %s side', (side) => {
  beforeAll(() => house.useTable(tableAt(side)));

  test('a message posted by REST reaches the sockets of its channel and tenant, and of no other', async () => {
    const [here, there] = [await join('acme'), await join('globex')];
    expect(await here.next()).toEqual({ type: 'welcome', channel: 1, user: 1 });
    expect(await there.next()).toEqual({ type: 'welcome', channel: 1, user: 1 });
    const posted = await house.call('acme', 'POST', '/api/chat/channels/1/messages/', {
      headers: { 'content-type': 'application/json' },
      body: '{"body":"to all of us"}',
    });
    const message = await posted.json();
    expect([posted.status, posted.headers.get('x-served-by'), here.servedBy()]).toEqual([201, side, side]);
    expect(await here.next()).toEqual({ type: 'message', message });
    expect(there.waiting()).toBe(0);
    here.close();
    there.close();
  });

  test('the words of the AI engine arrive while it is still speaking', async () => {
    const answer = await house.call('acme', 'POST', '/api/ai/completions/', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'Tell me a long story', stream: true, max_tokens: 20 }),
    });
    expect([answer.headers.get('x-served-by'), answer.headers.get('content-type')]).toEqual([
      side,
      'text/event-stream',
    ]);
    const chunks: string[] = [];
    for await (const chunk of answer.body ?? []) chunks.push(Buffer.from(chunk).toString());
    expect(chunks.length).toBeGreaterThan(3);
    expect(chunks.join('')).toMatch(/"status":"done".*\n\ndata: \[DONE\]\n\n$/s);
  });

  test('a stranger is turned away before either side hears of him', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${house.gatewayPort}/ws/chat/1/`);
    const status = await new Promise((resolve) => {
      socket.once('unexpected-response', (_req, res) => resolve(res.statusCode));
      socket.once('error', () => undefined);
    });
    expect(status).toBe(401);
  });
});

async function join(tenant: string) {
  const socket = new WebSocket(`ws://127.0.0.1:${house.gatewayPort}/ws/chat/1/`, {
    headers: { authorization: `Bearer byn_demo_${tenant}` },
  });
  const inbox: unknown[] = [];
  let servedBy: string | undefined;
  socket.on('message', (data) => inbox.push(JSON.parse(String(data))));
  socket.on('upgrade', (res) => {
    servedBy = res.headers['x-served-by']?.toString();
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const next = async () => {
    const beganMs = performance.now();
    while (inbox.length === 0) {
      if (performance.now() - beganMs > 5_000) throw new Error('no message came');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return inbox.shift();
  };
  return { next, servedBy: () => servedBy, waiting: () => inbox.length, close: () => socket.close() };
}
