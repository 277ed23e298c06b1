// What the rig says to the load generator, and what it hears from it.

/** One request that is asked again and again. */
export type Target = Readonly<{
  method: 'GET' | 'POST';
  path: string;
  /** Of the request's body; its bytes are JSON-like filler. */
  bodyBytes?: number;
  expect: Readonly<{ status: number; bodyBytes: number }>;
}>;

/** Each connection is one caller, who goes through all targets in turn. */
export type Crowd = Readonly<{
  /** One API key for each connection. */
  keys: readonly string[];
  targets: readonly Target[];
}>;

export type Watched = Readonly<{
  /** The processes whose processor time is told, each with all its children. */
  proxies: readonly number[];
  upstream: number;
}>;

export type Pace =
  /** As fast as answers come. */
  | Readonly<{ kind: 'closed' }>
  /** So many a second, whatever the answers take. */
  | Readonly<{ kind: 'open'; rate: number }>;

export type StreamKind = 'events' | 'socket';

export type LoadAsk =
  | Readonly<{ kind: 'meet'; name: string; crowd: Crowd }>
  /** Opens streams, each by a caller of the crowd, and keeps them. */
  | Readonly<{
      kind: 'hold';
      port: number;
      stream: StreamKind;
      path: string;
      keys: readonly string[];
      count: number;
    }>
  | Readonly<{ kind: 'release' }>
  | Readonly<{
      kind: 'ask';
      /** The crowd's connections go to them in turn. */
      ports: readonly number[];
      crowd: string;
      pace: Pace;
      /** Asked, but not counted. */
      warmMs: number;
      ms: number;
      watched: Watched;
    }>;

export type Load = Readonly<{
  requests: number;
  /** Connections that broke, and answers of another length than expected. */
  errors: number;
  wrongStatuses: Readonly<Record<number, number>>;
  seconds: number;
  p50Us: number;
  p99Us: number;
  mostUs: number;
  /** Open loop: how late this generator itself sent, at the 99th percentile; part of every latency above. */
  lateP99Us: number;
  /** Seconds of processor used meanwhile. */
  cpuS: Readonly<{
    proxy: number;
    /** Of the proxy's processes the one that used most. */
    busiest: number;
    upstream: number;
    load: number;
  }>;
}>;

export type Held = Readonly<{
  /** Streams that are open, and on each of which something has been heard. */
  alive: number;
  /** Why others are not: an answer's first line, or a broken connection. */
  refused: Readonly<Record<string, number>>;
}>;
