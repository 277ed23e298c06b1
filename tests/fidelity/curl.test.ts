// A real client, as it is installed; where there is none, these tests are skipped and say so.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openStand, type Stand, untilMs } from './stand.ts';

const isInstalled = spawnSync('curl', ['--version']).status === 0;
const describeCurl = isInstalled ? describe : describe.skip;
const folder = mkdtempSync(join(tmpdir(), 'banyan-curl-'));
afterAll(() => rmSync(folder, { recursive: true }));

let stand: Stand;

/** Runs curl without anybody's settings; answers its exit code and what it printed. */
function curl(...args: string[]): Promise<Readonly<{ code: number | null; out: string; err: string }>> {
  return new Promise((resolve) => {
    const child = spawn('curl', ['-q', '-sS', '--noproxy', '*', '--max-time', '10', ...args]);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString('latin1');
    });
    child.once('close', (code) => resolve({ code, out, err }));
  });
}
const at = (path: string) => `http://127.0.0.1:${stand.port}${path}`;

describeCurl(isInstalled ? 'curl' : 'curl (skipped: it is not installed on this machine)', () => {
  beforeAll(async () => {
    stand = await openStand();
    stand.monolith.on('/page', ({ socket, method }) =>
      socket.write(
        `HTTP/1.1 200 Fine By Me\r\nX-Odd: b\r\nx-odd: a\r\nContent-Length: 9\r\n\r\n${method === 'HEAD' ? '' : 'some text'}`,
      ),
    );
  });
  afterAll(() => stand.close());

  test('GET shows the head as legacy wrote it', async () => {
    const { code, out } = await curl('-i', at('/page'));
    expect(code).toBe(0);
    expect(out).toMatch(
      /^HTTP\/1.1 200 Fine By Me\r\nX-Odd: b\r\nx-odd: a\r\nContent-Length: 9\r\nX-Request-Id: /,
    );
    expect(out).toMatch(/\r\n\r\nsome text$/);
  });

  test('HEAD ends at once', async () => {
    const { code, out } = await curl('-I', at('/page'));
    expect([code, out.includes('Content-Length: 9'), out.endsWith('\r\n\r\n')]).toEqual([0, true, true]);
  });

  test('HTTP/1.0 and an HTTP/2 that is only offered are answered in HTTP/1.1', async () => {
    const old = await curl('-0', '-i', at('/page'));
    const offered = await curl('--http2', '-i', at('/page'));
    for (const { code, out } of [old, offered]) {
      expect(code).toBe(0);
      expect(out).toMatch(/^HTTP\/1.1 200 Fine By Me\r\n[\s\S]*some text$/);
    }
  });

  test('as a client of a proxy (absolute form) it reaches the same place', async () => {
    const { code, out } = await curl('--noproxy', '', '-x', at(''), 'http://a.example/page');
    expect([code, out]).toEqual([0, 'some text']);
    const asked = stand.monolith.asked.at(-1);
    expect([asked?.target, asked?.values('host')]).toEqual(['/page', ['a.example']]);
  });

  test('several transfers share a connection', async () => {
    const { out } = await curl(
      '-w',
      '%{num_connects}',
      at('/page'),
      '-o',
      '/dev/null',
      at('/page'),
      '-o',
      '/dev/null',
    );
    expect(out).toBe('10');
  });

  test('a form with a file arrives byte for byte', async () => {
    const file = join(folder, 'form.bin');
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    writeFileSync(file, bytes);
    const { code } = await curl('-F', 'note=fün', '-F', `file=@${file}`, at('/form'));
    const asked = await stand.monolith.heard('/form');
    await asked.whole;
    expect(code).toBe(0);
    expect(asked.values('content-type')[0]).toMatch(/^multipart\/form-data; boundary=/);
    expect(asked.body.includes(bytes)).toBe(true);
    expect(asked.body.toString()).toContain('fün');
  });

  test('an upload that waits for 100 Continue is told to go on', async () => {
    const file = join(folder, 'two-megabytes');
    writeFileSync(file, Buffer.alloc(2_000_000, 'x'));
    const { code, err, out } = await curl('-v', '-T', file, '-H', 'Expect: 100-continue', at('/put'));
    const asked = await stand.monolith.heard('/put');
    await asked.whole;
    expect([code, out]).toEqual([0, 'ok']);
    expect(err).toContain('HTTP/1.1 100 Continue');
    expect(asked.body.length).toBe(2_000_000);
  });

  test('an upload in chunks, from a pipe without an end that is known', async () => {
    const file = join(folder, 'chunks');
    writeFileSync(file, 'x'.repeat(100_000));
    const { code } = await curl(
      '-T',
      file,
      '-H',
      'Transfer-Encoding: chunked',
      '-H',
      'Content-Length:',
      at('/chunks'),
    );
    const asked = await stand.monolith.heard('/chunks');
    await asked.whole;
    expect(code).toBe(0);
    expect(asked.values('transfer-encoding')).toEqual(['chunked']);
    expect(asked.body.toString().match(/x/g)).toHaveLength(100_000);
  });

  test('an early refusal of a large upload is seen, not a broken connection', async () => {
    stand.monolith.on('/too-big', ({ socket }) => {
      socket.pause();
      socket.end('HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\n\r\nbig', () =>
        setTimeout(() => socket.destroy(), 20),
      );
    });
    const file = join(folder, 'large');
    writeFileSync(file, Buffer.alloc(30_000_000));
    for (const expectation of ['Expect:', 'Expect: 100-continue']) {
      const { out } = await curl('-T', file, '-H', expectation, '-w', '|%{http_code}', at('/too-big'));
      expect(out).toBe('big|413');
    }
  });

  test('a broken answer is an error to it, never a short file', async () => {
    stand.monolith.on('/half', ({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', () =>
        setTimeout(() => socket.destroy(), 20),
      ),
    );
    expect((await curl(at('/half'))).code).not.toBe(0);
    expect((await curl('-0', at('/half'))).code).not.toBe(0);
  });

  test('cookies, a redirect and a range', async () => {
    stand.monolith.on('/login', ({ socket }) =>
      socket.write(
        'HTTP/1.1 302 Found\r\nLocation: /home\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/; HttpOnly\r\nContent-Length: 0\r\n\r\n',
      ),
    );
    stand.monolith.on('/home', ({ socket }) =>
      socket.write(
        'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/4\r\nContent-Length: 2\r\n\r\nom',
      ),
    );
    const jar = join(folder, 'jar');
    const { out } = await curl('-L', '-c', jar, '-b', jar, '-r', '1-2', at('/login'));
    const asked = await stand.monolith.heard('/home');
    expect([out, asked.values('range')]).toEqual(['om', ['bytes=1-2']]);
    expect(asked.values('cookie')[0]?.split('; ').sort()).toEqual(['a=1', 'b=2']);
    expect(readFileSync(jar, 'utf8')).toContain('#HttpOnly_');
  });

  test('events are printed as they come', async () => {
    stand.monolith.on('/events', async ({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n');
      await untilMs(300);
      socket.end('data: two\n\n');
    });
    const child = spawn('curl', ['-q', '-sSN', '--noproxy', '*', at('/events')]);
    const seen: [number, string][] = [];
    child.stdout.on('data', (chunk) => seen.push([performance.now(), String(chunk)]));
    await new Promise((resolve) => child.once('close', resolve));
    expect(seen.map(([, text]) => text)).toEqual(['data: one\n\n', 'data: two\n\n']);
    expect((seen[1]?.[0] ?? 0) - (seen[0]?.[0] ?? 0)).toBeGreaterThan(150);
  });
});
