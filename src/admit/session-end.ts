import type { Arrival, Caller, Emit, TenantName } from '../vocabulary/index.ts';
import type { Sessions } from './session.ts';
import { endsSession } from './session-cookie.ts';
import { tellTrouble } from './trouble.ts';

const RETRY_MS = 1_000;
const MOST_TRIES = 5;

/** How sessions end: by a logout that says so, or by an answer that deletes or replaces the cookie. */
export function openSessionEnd(sessions: Sessions, emit: Emit) {
  const endSession = async (arrival: Arrival, caller: Caller): Promise<void> => {
    const session = readSession(arrival);
    if (session === undefined) return;
    await sessions.end(session.tenant, session.key);
    if (caller.kind === 'known' && caller.by === 'session')
      emit({ type: 'session_ended', tenant: caller.tenant, user: caller.user });
  };
  // The client has its answer already: what cannot be written now is written a little later.
  const insist = async (arrival: Arrival, caller: Caller): Promise<void> => {
    for (let tries = 1; tries <= MOST_TRIES; tries++) {
      try {
        return await endSession(arrival, caller);
      } catch (error) {
        tellTrouble(error, 'admit: ending a session', emit);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS * tries).unref());
      }
    }
  };
  const noteCookies = (arrival: Arrival, caller: Caller, setCookies: readonly string[]): void => {
    const session = readSession(arrival);
    if (session === undefined || !endsSession(setCookies, session.key)) return;
    // Django deletes stale cookies, too, and strangers can send any number of those: only a live session gets a grave.
    const isLive =
      (caller.kind === 'known' && caller.by === 'session') || sessions.isKnown(session.tenant, session.key);
    if (isLive) void insist(arrival, caller);
  };
  return { endSession, noteCookies };
}

function readSession(arrival: Arrival): Readonly<{ tenant: TenantName; key: string }> | undefined {
  const session = arrival.credentials.find(({ kind }) => kind === 'session');
  if (session === undefined || arrival.hostTenant === undefined) return undefined;
  return { tenant: arrival.hostTenant, key: session.secret };
}
