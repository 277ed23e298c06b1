// The legacy side answers. Bytes in, bytes out, nothing changed: what an intermediary must do to the head (RFC 9110 section 7.6)
// is done here and in admit, the body is never looked at and never held. HTTP goes by lines of our own, WebSocket upgrades by
// http-proxy-middleware, what we ask for ourselves by undici. Every failure becomes an Outcome: before the head the corridor may still answer, after it the client is cut.
import { Pool } from 'undici';
import type {
  Failure,
  IncomingRequest,
  Outcome,
  OutgoingAnswer,
  SessionRecord,
  SideAnswer,
} from '../vocabulary/index.ts';
import type { Ask } from './ask.ts';
import { askAgain, type SecondAsk } from './ask-again.ts';
import { openConnector } from './connector.ts';
import { openLineOpener } from './line-opener.ts';
import { Lines } from './lines.ts';
import { askSession, type SessionQuestion } from './session-question.ts';
import { streamAnswer } from './stream.ts';
import { openTunnel, type Tunnel } from './tunnel.ts';

export type { Ask } from './ask.ts';
export type { SecondAsk } from './ask-again.ts';
export type { SessionQuestion } from './session-question.ts';
export type { Refuse } from './tunnel.ts';

export type Forward = Readonly<{
  /** Streams legacy's answer to this request into `res`. */
  answer(ask: Ask, req: IncomingRequest, res: OutgoingAnswer): Promise<Outcome>;
  /** Tunnels a WebSocket to legacy; resolves when the tunnel has closed. `refuse` is called at once where legacy cannot be reached. */
  upgrade: Tunnel;
  /** Asks legacy whose session this is. Undefined: legacy knows no such session. Throws where legacy cannot say. */
  askSession(question: SessionQuestion): Promise<SessionRecord | undefined>;
  /** Asks legacy once more, after its answer has left, for a comparison. Safe methods only; on connections of its own. */
  askAgain(ask: SecondAsk): Promise<SideAnswer | Failure>;
  /** True if legacy answers HTTP at all, whatever it says. */
  ping(timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}>;

export type ForwardWish = Readonly<{
  /** `http://` or `https://`, host and port; a path prefix is not supported. */
  legacyUrl: string;
  connectTimeoutMs?: number;
  /** Most connections to legacy at once; further requests wait for one, within their deadline. */
  connections?: number;
  /** The largest request body that is passed on, declared or counted. */
  maxBodyBytes?: number;
  /** How long an event stream may stay silent; other answers are bound by the route's `timeout_ms`. */
  streamIdleMs?: number;
}>;

// gunicorn closes an idle connection after 2 s (its `--keep-alive` default): letting go first avoids the race
// in which a request is written to a connection that legacy is just closing.
const KEEP_ALIVE_MS = 1_500;
// Where one idle connection has gone stale, so may the others have: a second try goes by a connection that nobody has used.
const SECOND_TRIES = 64;
// Comparisons must not take what users wait for.
const SECOND_ASKS = 4;

export function openForward(wish: ForwardWish): Forward {
  const legacy = new URL(wish.legacyUrl);
  const { connectTimeoutMs = 5_000, connections = 1_024 } = wish;
  const open = openLineOpener(legacy, connectTimeoutMs);
  const lines = new Lines({ open, most: connections, idleMs: KEEP_ALIVE_MS });
  const fresh = new Lines({ open, most: SECOND_TRIES, idleMs: 0 });
  const openPool = (most: number) =>
    new Pool(legacy.origin, {
      connections: most,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: openConnector(connectTimeoutMs),
      maxHeaderSize: 64 * 1024,
    });
  const pool = openPool(connections);
  const aside = openPool(SECOND_ASKS);
  const { streamIdleMs = 300_000, maxBodyBytes = 100 * 1024 * 1024 } = wish;
  const tunnel = openTunnel(wish.legacyUrl);
  return Object.freeze({
    answer: (ask: Ask, req: IncomingRequest, res: OutgoingAnswer) =>
      streamAnswer({ lines, fresh, legacy, streamIdleMs, maxBodyBytes }, ask, req, res),
    upgrade: tunnel,
    askSession: (question) => askSession(pool, question),
    askAgain: (ask) => askAgain(aside, ask),
    ping: async (timeoutMs: number) => {
      try {
        const { body } = await pool.request({
          path: '/',
          method: 'HEAD',
          headersTimeout: timeoutMs,
          bodyTimeout: timeoutMs,
        });
        await body.dump();
        return true;
      } catch {
        return false;
      }
    },
    close: async () => {
      lines.close();
      fresh.close();
      await Promise.all([pool.destroy(), aside.destroy()]);
    },
  } satisfies Forward);
}
