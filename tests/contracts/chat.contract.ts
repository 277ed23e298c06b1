import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import type { WebSocket } from 'ws';
import type { Ask } from '../support/sides.ts';
import type { Asked } from './product.contract.ts';

const MESSAGES = '/api/chat/channels/1/messages/';
const LATEST = `${MESSAGES}?page_size=1`;

/** Frames as they come, one by one. */
function listen(socket: WebSocket) {
  const frames: string[] = [];
  const waiting: ((frame: string) => void)[] = [];
  socket.on('message', (data) => {
    const next = waiting.shift();
    if (next) next(String(data));
    else frames.push(String(data));
  });
  const closed = once(socket, 'close').then(([code]) => code as number);
  return {
    closed,
    next: () =>
      new Promise<string>((resolve) =>
        frames.length > 0 ? resolve(frames.shift() ?? '') : waiting.push(resolve),
      ),
    send: (frame: unknown) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    sendBytes: (bytes: Buffer) => socket.send(bytes),
    close: async () => {
      socket.close();
      await closed;
    },
  };
}

export function describeChat(side: Asked): void {
  const post = (body: string, more: Partial<Ask> = {}) =>
    side.ask({
      method: 'POST',
      target: MESSAGES,
      headers: { 'content-type': 'application/json' },
      body,
      ...more,
    });
  const join = (more: Partial<Ask> = {}) => listen(side.openSocket({ target: '/ws/chat/1/', ...more }));

  test('channels come by code point of their names, with the number of their messages', async () => {
    const { json } = await side.ask({ target: '/api/chat/channels/' });
    const names = (json as readonly { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(['Zebra', 'développement', 'general', 'random', 'support', 'äpfel']);
    expect(json).toContainEqual(
      expect.objectContaining({ name: 'general', message_count: expect.any(Number) }),
    );
  });

  test('metadata keeps the number forms and the key order of jsonb, when written and when read', async () => {
    const shown =
      '"metadata":{"b":1,"aa":1.0,"big":10000000000000000,"list":[1.10,{}],"tiny":0.00001},"created_at":"';
    const written = await post(
      '{"body":"x","metadata":{"tiny":1e-05, "list":[1.10,{}],"aa":1.0,"b":1,"big":1e16}}',
    );
    expect([written.status, written.text]).toEqual([201, expect.stringContaining(shown)]);
    expect((await side.ask({ target: LATEST })).text).toContain(shown);
  });

  test('letters that break careless writers arrive as they were', async () => {
    const { text } = await post(
      JSON.stringify({ body: ' x\u2028é😀"\\/\b ', metadata: { '\u2029': ', : ' } }),
    );
    expect(text).toContain('"body":"x\\u2028é😀\\"\\\\/\\b","metadata":{"\\u2029":", : "}');
  });

  test('a message goes to the sockets of its channel in its tenant, by REST and by socket, and to nobody else', async () => {
    const [ada, grace] = [join(), join({ as: { tenant: 'acme', user: 2, by: 'jwt' } })];
    const [other, foreign] = [join({ target: '/ws/chat/2/' }), join({ as: { tenant: 'globex', user: 1 } })];
    expect(await Promise.all([ada.next(), grace.next(), other.next(), foreign.next()])).toEqual([
      '{"type":"welcome","channel":1,"user":1}',
      '{"type":"welcome","channel":1,"user":2}',
      '{"type":"welcome","channel":2,"user":1}',
      '{"type":"welcome","channel":1,"user":1}',
    ]);
    const { text } = await post('{"body":"by REST"}');
    expect(await Promise.all([ada.next(), grace.next()])).toEqual(
      Array(2).fill(`{"type":"message","message":${text}}`),
    );
    grace.send({ type: 'message', body: '  by socket  ', metadata: { ignored: 1 } });
    const [heard] = await Promise.all([ada.next(), grace.next()]);
    const latest = (await side.ask({ target: LATEST })).text;
    expect(latest).toContain(heard.slice('{"type":"message","message":'.length, -1));
    expect(heard).toContain('"author":2,"body":"by socket","metadata":{},');
    other.send('x');
    foreign.send('x');
    const error = '{"type":"error","detail":"Expected a JSON object."}';
    expect(await Promise.all([other.next(), foreign.next()])).toEqual([error, error]);
    await Promise.all([ada, grace, other, foreign].map((each) => each.close()));
  });

  test('bad frames are answered with what is wrong, in the order in which they came', async () => {
    const socket = join();
    await socket.next();
    socket.send('{"type":');
    socket.sendBytes(Buffer.from('{}'));
    for (const frame of [
      '[]',
      '{}',
      '{"type":1}',
      '{"type":"message"}',
      '{"type":"message","body":" "}',
      '{"type":"message","body":1}',
      '{"type":"message","body":null}',
    ])
      socket.send(frame);
    const details: string[] = [];
    for (let i = 0; i < 9; i++) details.push((JSON.parse(await socket.next()) as { detail: string }).detail);
    expect(details).toEqual([
      'Expected a JSON object.',
      'Expected a JSON object.',
      'Expected a JSON object.',
      'Unknown type.',
      'Unknown type.',
      'body: This field is required.',
      'body: This field may not be blank.',
      'body: Not a valid string.',
      'body: This field may not be null.',
    ]);
    await socket.close();
  });

  test('a socket closes with a code that says why', async () => {
    const codes = await Promise.all([
      join({ target: '/ws/chat/999/' }).closed,
      join({ target: '/ws/chat/x/' }).closed,
      join({ as: { tenant: 'acme' } }).closed,
      join({ as: { tenant: 'acme', user: 6 } }).closed,
    ]);
    expect(codes).toEqual([4404, 4404, 4403, 4403]);
    const greedy = join();
    await greedy.next();
    greedy.send('x'.repeat(65_537));
    expect(await greedy.closed).toBe(1009);
  });

  test('a page of another site cannot open a socket in the name of a session', async () => {
    const as = { tenant: 'acme', user: 1, by: 'session' } as const;
    const open = async (origin: string) => {
      const socket = side.openSocket({ target: '/ws/chat/1/', as, headers: { origin } });
      const answered = once(socket, 'unexpected-response').then(
        ([, res]) => (res as { statusCode: number }).statusCode,
      );
      const opened = once(socket, 'open').then(() => 101);
      socket.on('error', () => undefined);
      const status = await Promise.race([answered, opened]);
      socket.terminate();
      return status;
    };
    expect(await open('http://evil.example')).toBe(403);
    expect(await open('http://acme.localhost:8080')).toBe(101);
  });
}
