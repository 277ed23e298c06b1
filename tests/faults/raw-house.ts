import { connect } from 'node:net';
import { expect } from '@jest/globals';
import { type Answer, readAnswers } from '../fuzz/answers.ts';
import { fetchTagKeys, findForgeries } from '../fuzz/identity.ts';
import {
  type Answering,
  openRecordingUpstream,
  type RecordingUpstream,
  type Seen,
  writeEcho,
} from '../fuzz/recording-upstream.ts';
import { startHouse, type TestHouse } from '../support/house.ts';

export const HOST = 'Host: acme.localhost';
export const KEY = 'Authorization: Bearer byn_demo_acme';
/** What must never run. */
export const SMUGGLED = `GET /smuggled/ HTTP/1.1\r\n${HOST}\r\n\r\n`;
export const CHUNKED = [KEY, 'Transfer-Encoding: chunked'];

export const head = (requestLine: string, ...lines: readonly string[]) =>
  [requestLine, HOST, ...lines, '', ''].join('\r\n');
export const post = (lines: readonly string[], body = '') => head('POST /f/ HTTP/1.1', ...lines) + body;

export type Said = Readonly<{
  text: string;
  finals: readonly Answer[];
  isClosed: boolean;
  /** What went upstream meanwhile. */
  seen: readonly Seen[];
}>;

export const statuses = ({ finals }: Said) => finals.map(({ status }) => status);

/** The whole gateway, before a monolith that reads by the letter and keeps every byte. What is said to it is sent as it stands. */
export type RawHouse = Readonly<{
  house: TestHouse;
  upstream: RecordingUpstream;
  /** Requests below /held/ whose answers wait to be released. */
  held: Readonly<{ seen: Seen; release(): void }>[];
  /** Says these very bytes on one connection; ends when it is closed, or when `answers` final answers have come. */
  say(text: string | readonly string[], answers?: number): Promise<Said>;
  /** Says one request with this request line, to the demo's host and as the demo's caller unless `lines` says something else. */
  ask(requestLine: string, lines?: readonly string[]): Promise<Said & Readonly<{ status: number }>>;
  /** What the log told last of a request. */
  lastEnd(): Readonly<Record<string, unknown>>;
  /** Refused in the gateway's own words, the connection closed, not a byte upstream, and everybody else served. */
  expectRefusal(text: string, statuses?: readonly number[]): Promise<void>;
  /** A good request is served, with its own tag, and nothing tells of a bug. */
  expectService(): Promise<void>;
  forgeries(seen: readonly Seen[]): readonly string[];
  close(): Promise<void>;
}>;

const PATIENCE_MS = 3_000;

/** `answer` says what the monolith answers, in the place of an echo. */
export async function openRawHouse(answer: Answering = writeEcho): Promise<RawHouse> {
  const held: { seen: Seen; release(): void }[] = [];
  const upstream = await openRecordingUpstream((seen, socket) => {
    if (!seen.target.startsWith('/held/')) return answer(seen, socket);
    held.push({ seen, release: () => socket.write(writeEcho(seen)) });
    return undefined;
  });
  const house = await startHouse({
    legacyUrl: upstream.url,
    env: { MAX_BODY_BYTES: '1048576', SHED_LAG_MS: '60000', BREAKER_FAILED_PERCENT: '100' },
  });
  const keys = await fetchTagKeys(house.adminUrl);
  const forgeries = (seen: readonly Seen[]) => seen.flatMap((each) => findForgeries(each, keys));
  const say = async (text: string | readonly string[], answers = Number.POSITIVE_INFINITY) => {
    const before = upstream.seen.length;
    const heard = await sayRaw(house.gatewayPort, [text].flat(), answers);
    return { ...heard, seen: upstream.seen.slice(before) };
  };
  const ask = async (requestLine: string, lines: readonly string[] = [KEY]) => {
    const said = await say([requestLine, HOST, 'Connection: close', ...lines, '', ''].join('\r\n'));
    return { ...said, status: said.finals[0]?.status ?? 0 };
  };
  const lastEnd = () =>
    JSON.parse(house.log.findLast((line) => line.includes('"event":"request_finished"')) ?? '{}');
  const expectService = async () => {
    const said = await say(head('GET /well/ HTTP/1.1', KEY), 1);
    expect(statuses(said)).toEqual([200]);
    expect(forgeries(said.seen)).toEqual([]);
    expect(house.log.filter((line) => line.includes('"event":"bug"'))).toEqual([]);
  };
  const expectRefusal = async (text: string, expected: readonly number[] = [400]) => {
    const [halves, broken] = [upstream.halves.length, upstream.refused.length];

    const said = await say(text);

    expect(said.finals).toHaveLength(1);
    expect(expected).toContain(said.finals[0]?.status);
    expect(said.finals[0]?.fields.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(said.finals[0]?.body ?? '')).toMatchObject({ blame: 'caller', retry_safe: true });
    expect(said.isClosed).toBe(true);
    expect(said.seen).toEqual([]);
    expect([upstream.halves.length, upstream.refused.length, upstream.open()]).toEqual([halves, broken, []]);
    await expectService();
  };
  const close = async () => {
    await house.close();
    await upstream.close();
  };
  return { house, upstream, held, say, ask, lastEnd, expectRefusal, expectService, forgeries, close };
}

function sayRaw(port: number, pieces: readonly string[], answers: number): Promise<Omit<Said, 'seen'>> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', async () => {
      socket.setNoDelay(true);
      for (const piece of pieces) {
        socket.write(Buffer.from(piece, 'latin1'));
        await new Promise((next) => setTimeout(next, 15));
      }
    });
    const finish = (isClosed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, finals: readAnswers(text, []).finals, isClosed });
    };
    const timer = setTimeout(() => finish(false), PATIENCE_MS);
    socket.on('error', () => undefined);
    socket.on('close', () => finish(true));
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      if (readAnswers(text, []).finals.length >= answers) finish(false);
    });
  });
}
