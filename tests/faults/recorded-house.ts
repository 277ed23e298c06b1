import { startHouse, type TestHouse, type TestHouseWish } from '../support/house.ts';
import { sendRaw } from '../support/raw-http.ts';
import { openRecordingRelay, type RecordingRelay } from './recording-relay.ts';

export type RecordedHouse = Readonly<{ house: TestHouse; relay: RecordingRelay; close(): Promise<void> }>;

/** The whole house, with a relay before its legacy stub that keeps what goes up. */
export async function startRecordedHouse(wish: TestHouseWish = {}): Promise<RecordedHouse> {
  const relay = await openRecordingRelay();
  const house = await startHouse({ ...wish, legacyUrl: relay.url });
  relay.leadTo(house.legacy.port);
  const close = async () => {
    await house.close();
    await relay.close();
  };
  return { house, relay, close };
}

export const HOST = 'Host: acme.localhost';
export const KEY = 'X-API-Key: byn_demo_acme';
export const FORGED = 'forged-by-a-client';
export const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
];

let marks = 0;
/** A target that no other test asks for. */
export const newTarget = (path = '/api/ai/jobs/') => `${path}?mark=${++marks}`;

export const write = (requestLine: string, ...lines: readonly string[]) =>
  `${requestLine}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
export const get = (target: string, ...lines: readonly string[]) =>
  write(`GET ${target} HTTP/1.1`, HOST, KEY, 'Connection: close', ...lines);

type RawAnswer = Readonly<{ text: string }>;
export const statusOf = ({ text }: RawAnswer) => Number(text.slice(9, 12));
export const codeOf = ({ text }: RawAnswer) => /"code":"(\w+)"/.exec(text)?.[1];
export const headOf = ({ text }: RawAnswer) => text.split('\r\n\r\n')[0]?.split('\r\n') ?? [];
export const namesOf = (lines: readonly string[]) =>
  lines.slice(1).map((line) => line.split(':')[0]?.toLowerCase());

/** The values of one header, as they went up or came down. */
export function valuesOf(lines: readonly string[], name: string): readonly string[] {
  const start = `${name.toLowerCase()}:`;
  return lines
    .filter((line) => line.toLowerCase().startsWith(start))
    .map((line) => line.slice(start.length).trim());
}

export type Refusal = Readonly<{
  status: number;
  code: string | undefined;
  isClosed: boolean;
  wentUp: number;
}>;

/** What became of bytes that are to be refused, and how many requests legacy heard of meanwhile. */
export async function refusalOf({ house, relay }: RecordedHouse, bytes: string): Promise<Refusal> {
  const before = relay.count();
  const answer = await sendRaw(house.gatewayPort, bytes);
  const { isClosed } = answer;
  return { status: statusOf(answer), code: codeOf(answer), isClosed, wentUp: relay.count() - before };
}
