import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Connection } from '../database/connection.ts';
import { json } from '../web/answers.ts';
import { type Json, renderFloat } from '../web/json.ts';
import type { View } from '../web/view.ts';

type Job = Readonly<{ status: string; tokens: number; cost: string; temperature: number }>;
type Channel = Readonly<{ id: number; name: string }>;
type Message = Readonly<{ channel_id: number; day: string }>;

const SLICE_MS = 5;

/** The slow aggregate: every row through Python, so to speak, with the lane held until the last. */
export const summary: View = {
  name: 'Dashboard Summary',
  takes: 'users',
  parses: 'application/json',
  methods: {
    GET: (ask) =>
      ask.within(async (db) => {
        const answer = await summarise(db, ask.tenant.name);
        await burn(ask.house.dashboardMs);
        return json(200, answer);
      }),
  },
};

/**
 * Uses up processor time in small slices: other connections are still read between them, as by other threads of a Python
 * process, but nobody who waits for the lane gets it.
 */
async function burn(totalMs: number): Promise<void> {
  for (let used = 0; used < totalMs; ) {
    const began = performance.now();
    const slice = Math.min(SLICE_MS, totalMs - used);
    while (performance.now() - began < slice) Math.sqrt(began);
    used += performance.now() - began;
    await nextTurn();
  }
}

async function summarise(db: Connection, tenant: string): Promise<Json> {
  const [users] = await db.query<{ count: number }>('SELECT count(*) FROM auth_user');
  const jobs = await db.query<Job>(
    'SELECT status, prompt_tokens + completion_tokens AS tokens, cost, temperature FROM ai_job ORDER BY id',
  );
  const channels = await db.query<Channel>('SELECT id, name FROM chat_channel ORDER BY id');
  const messages = await db.query<Message>(
    "SELECT channel_id, to_char(created_at, 'YYYY-MM-DD') AS day FROM chat_message ORDER BY id",
  );
  const files = await db.query<{ size: number }>('SELECT size FROM files_file ORDER BY id');
  return {
    tenant,
    users: users?.count ?? 0,
    ai: summariseJobs(jobs),
    chat: { channels: channels.length, messages: messages.length, busiest: findBusiest(channels, messages) },
    files: { count: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) },
    messages_per_day: countDays(messages),
    average_temperature: averageTemperature(jobs),
  };
}

function tally(keys: readonly string[]): [key: string, count: number][] {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
}

function summariseJobs(jobs: readonly Job[]): Json {
  // numeric(10,4) in whole ten-thousandths: a sum of floats would not be the sum of the costs.
  const cost = jobs.reduce((sum, job) => sum + BigInt(job.cost.replace('.', '')), 0n);
  const digits = String(cost).padStart(5, '0');
  return {
    jobs: jobs.length,
    tokens: jobs.reduce((sum, { tokens }) => sum + tokens, 0),
    cost: `${digits.slice(0, -4)}.${digits.slice(-4)}`,
    by_status: Object.fromEntries(tally(jobs.map(({ status }) => status))),
  };
}

function findBusiest(channels: readonly Channel[], messages: readonly Message[]): Json {
  const counts = new Map(tally(messages.map(({ channel_id }) => String(channel_id))));
  let busiest: { id: number; name: string; messages: number } | null = null;
  for (const { id, name } of channels) {
    const count = counts.get(String(id)) ?? 0;
    if (count > (busiest?.messages ?? 0)) busiest = { id, name, messages: count };
  }
  return busiest;
}

function countDays(messages: readonly Message[]): Json {
  const days = tally(messages.map(({ day }) => day)).slice(-7);
  return days.map(([day, count]) => ({ day, count }));
}

function averageTemperature(jobs: readonly Job[]): Json {
  if (jobs.length === 0) return null;
  const average = jobs.reduce((sum, { temperature }) => sum + temperature, 0) / jobs.length;
  return renderFloat(roundHalfEven(average));
}

/** Python's `round(value, 4)`: by the exact value of the double, a true half to the even digit. */
export function roundHalfEven(value: number): number {
  const exact = value.toFixed(100);
  const point = exact.indexOf('.');
  const isHalf = /^50*$/.test(exact.slice(point + 5));
  const below = exact.slice(0, point + 5);
  return Number(isHalf && Number(below.at(-1)) % 2 === 0 ? below : value.toFixed(4));
}
