import type { FromRehearsals, Mirror, StartRehearsals, ToRehearsals } from '../../../src/mirror/index.ts';
import {
  type Arrival,
  type Caller,
  type Captured,
  DEFAULT_MIRROR_RULES,
  type Decision,
  type MirrorRules,
  parseRequestId,
  parseRevision,
  parseRouteId,
  parseTenantName,
  parseUserId,
  type SideAnswer,
} from '../../../src/vocabulary/index.ts';

function sure<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test made a value that cannot be');
  return value;
}

type LearnedWish = Readonly<{
  method?: string;
  tenant?: string;
  route?: string;
  mirror?: MirrorRules | undefined;
}>;

/** What the corridor has learned of a request at stage shadow. */
export function learnedLike(wish: LearnedWish = {}) {
  const { method = 'GET', tenant = 'acme', route = 'chat.channels' } = wish;
  const mirror = 'mirror' in wish ? wish.mirror : DEFAULT_MIRROR_RULES;
  const arrival: Arrival = {
    requestId: sure(parseRequestId('request-1')),
    trace: {
      traceId: '0'.repeat(31).concat('1'),
      spanId: '0'.repeat(15).concat('1'),
      flags: '00',
      state: undefined,
    },
    method,
    target: '/api/chat/channels/',
    path: '/api/chat/channels/',
    host: 'acme.localhost:8080',
    hostTenant: undefined,
    headers: ['Accept', '*/*'],
    credentials: [{ kind: 'bearer', secret: 'byn_demo_acme' }],
    wish: undefined,
    upgrade: false,
    peer: '127.0.0.1',
  };
  const caller: Caller = {
    kind: 'known',
    tenant: sure(parseTenantName(tenant)),
    user: sure(parseUserId(1)),
    scopes: ['read', 'write'],
    by: 'api_key',
    credentialId: 'byn_demo',
  };
  const decision: Decision = {
    revision: sure(parseRevision('0123456789ab')),
    stage: 'shadow',
    side: 'legacy',
    shadow: mirror && 'new',
    mirror,
    tables: ['chat_channel', 'chat_message'],
    reason: 'stage_shadow',
    timeoutMs: 1_000,
    ifNewFails: 'legacy',
    route: sure(parseRouteId(route)),
    feature: undefined,
    flag: undefined,
    handler: 'chat/channels',
    params: {},
  };
  return { arrival, caller, decision };
}

export function answerLike(body = '{}', status = 200): SideAnswer {
  const now = Date.now();
  return {
    status,
    headers: ['Content-Type', 'application/json'],
    body: { kind: 'whole', bytes: Buffer.from(body) },
    askedMs: now,
    answeredMs: now,
  };
}

/** A link whose other end is the test. */
export function openLink() {
  const sent: ToRehearsals[] = [];
  let hears: (message: FromRehearsals) => void = () => undefined;
  let closed: (detail: string) => void = () => undefined;
  let [starts, kills] = [0, 0];
  const start: StartRehearsals = (onMessage, onClose) => {
    starts += 1;
    hears = onMessage;
    closed = onClose;
    return {
      send: (message) => {
        sent.push(message);
        if (message.kind === 'close') queueMicrotask(() => hears({ kind: 'closed' }));
      },
      kill: () => {
        kills += 1;
      },
    };
  };
  return {
    start,
    starts: () => starts,
    kills: () => kills,
    sent: () => sent,
    copies: () => sent.flatMap((message) => (message.kind === 'copy' ? [message.copy] : [])),
    hears: (message: FromRehearsals) => hears(message),
    dies: (detail: string) => closed(detail),
    wake: (mirror: Mirror) => mirror.wake(),
  };
}

export const readText = (body: Captured | undefined) =>
  body?.kind === 'whole' ? Buffer.from(body.bytes).toString() : body?.kind;
