import { connect, type Socket } from 'node:net';
import { startHouse, type TestHouse } from '../support/house.ts';
import { type Monolith, openMonolith } from './monolith.ts';

/** The whole gateway before a monolith that says what a test tells it. */
export type Stand = Readonly<{ house: TestHouse; monolith: Monolith; port: number; close(): Promise<void> }>;

export type StandWish = Readonly<{
  /** How long legacy may stay silent. */
  timeoutMs?: number;
  env?: Readonly<Record<string, string>>;
}>;

export async function openStand({ timeoutMs = 5_000, env = {} }: StandWish = {}): Promise<Stand> {
  const monolith = await openMonolith();
  const house = await startHouse({ tenants: 1, legacyUrl: monolith.url, table: writeTable(timeoutMs), env });
  const close = async () => {
    await monolith.close();
    await house.close();
  };
  return { house, monolith, port: house.gatewayPort, close };
}

/** No route is listed: legacy answers everything, to anybody. */
export const writeTable = (timeoutMs: number) =>
  `version: 1\ndefaults: { admit: optional, stage: legacy, timeout_ms: ${timeoutMs} }\nroutes: []\n`;

/** A client that writes what it is told and keeps every byte that comes. */
export type Client = Readonly<{
  socket: Socket;
  send(bytes: string | Buffer): void;
  /** All that has come so far, as latin1. */
  text(): string;
  /** Waits until this has come. */
  until(words: string): Promise<string>;
  /** Waits until the connection is over, and says how it ended. */
  ended: Promise<'closed' | 'reset'>;
}>;

export function openClient(
  port: number,
  first: string | Buffer = '',
  // `stubborn`: goes on sending when the other end has said that it will not.
  manner: 'polite' | 'stubborn' = 'polite',
): Client {
  const chunks: Buffer[] = [];
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: manner === 'stubborn' });
  if (first.length > 0) socket.write(first);
  socket.on('data', (chunk) => chunks.push(chunk));
  const ended = new Promise<'closed' | 'reset'>((resolve) => {
    socket.once('error', () => resolve('reset'));
    socket.once('close', () => resolve('closed'));
  });
  const text = () => Buffer.concat(chunks).toString('latin1');
  return {
    socket,
    send: (bytes) => void socket.write(bytes),
    text,
    until: (words) => untilSeen(text, words),
    ended,
  };
}

async function untilSeen(text: () => string, words: string): Promise<string> {
  const beganMs = performance.now();
  while (!text().includes(words)) {
    if (performance.now() - beganMs > 5_000) throw new Error(`"${words}" never came, but:\n${text()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return text();
}

/** A request of a few lines, with a Host. */
export const ask = (line: string, ...lines: string[]) =>
  [`${line} HTTP/1.1`, 'Host: a.example', ...lines, '', ''].join('\r\n');

/** Asks once, on a connection of its own, and answers everything that came back. */
export async function askOnce(port: number, line: string, ...lines: string[]): Promise<string> {
  const client = openClient(port, ask(line, 'Connection: close', ...lines));
  await client.ended;
  return client.text();
}

export const untilMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
