import { type ClientFeaturesResponse, Unleash, UnleashEvents } from 'unleash-client';

export type UnleashSettings = Readonly<{
  /** The server's API, for example `http://unleash:4242/api`. */
  url: string;
  token: string;
  appName: string;
  /** How often it is asked; 15 s without it. */
  refreshMs?: number;
  /** How long the first answer is waited for; 1.5 s without it. */
  startWithinMs?: number;
}>;

export type UnleashListener = Readonly<{
  /** A whole answer, not looked at yet. */
  onAnswer(answer: ClientFeaturesResponse): void;
  onUnchanged(): void;
  /** `isFinal`: it will not ask again by itself. */
  onTrouble(detail: string, isFinal: boolean): void;
}>;

export type UnleashConnection = Readonly<{ close(): void }>;

/** Not below 1 s: the library's own retries begin there, and it fails on anything shorter. */
const ANSWER_WITHIN_MS = 2_000;

/** Has unleash-client ask a server again and again. Nobody decides by this client: its answers are looked at first. */
export function connectUnleash(
  settings: UnleashSettings & Readonly<{ refreshMs: number }>,
  listener: UnleashListener,
): UnleashConnection {
  let isOpen = true;
  const client = openClient(settings, (answer) => {
    if (isOpen) listener.onAnswer(answer);
  });
  client.on(UnleashEvents.Unchanged, listener.onUnchanged);
  // After a 401 or 403 the library never asks again.
  client.on(UnleashEvents.Error, ({ message }: Error) =>
    listener.onTrouble(shorten(message), / responded 40[13] /.test(message)),
  );
  client.on(UnleashEvents.Warn, (message: unknown) => listener.onTrouble(shorten(String(message)), false));
  return {
    close() {
      isOpen = false;
      client.removeAllListeners();
      closeClient(client);
    },
  };
}

const LONGEST_DETAIL = 200;

/** Some of the library's messages have the whole answer in them. */
function shorten(message: string): string {
  const [line = ''] = message.split('\n', 1);
  return line.length > LONGEST_DETAIL ? `${line.slice(0, LONGEST_DETAIL)}…` : line;
}

function openClient(
  { url, token, appName, refreshMs }: UnleashSettings & Readonly<{ refreshMs: number }>,
  onAnswer: (answer: ClientFeaturesResponse) => void,
): Unleash {
  return new Unleash({
    url,
    appName,
    customHeaders: { Authorization: token },
    refreshInterval: refreshMs,
    timeout: ANSWER_WITHIN_MS,
    disableMetrics: true,
    skipInstanceCountWarning: true,
    // In memory only: the library's own backup is a file in the shared temp folder that anybody may have written.
    storageProvider: { get: async () => undefined, set: async (_key, answer) => onAnswer(answer) },
  });
}

/**
 * The library takes all listeners off a client that it destroys, and an error of a request still on its way then has nobody to go
 * to: Node ends the process for that. (unleash-client 6.12.1; tests/rooms/decide/unleash-flags.test.ts, "hangs".)
 */
function closeClient(client: Unleash): void {
  client.on(UnleashEvents.Error, () => {});
  client.destroy();
  // biome-ignore lint/complexity/useLiteralKeys: the brackets are how TypeScript lets us at a private member
  client['repository'].on(UnleashEvents.Error, () => {});
}
