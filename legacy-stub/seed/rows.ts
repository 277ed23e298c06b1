import { createHash } from 'node:crypto';
import { CHUNK_BYTES } from '../database/tables.ts';
import { chooseWords } from '../engine.ts';
import { type Die, openDie } from './random.ts';
import { CHANNELS, FILES, METADATA, MODELS, PEOPLE, PROMPTS, SENTENCES, TEMPERATURES } from './words.ts';

/** A value as it goes into SQL: text is quoted, bytes become bytea. */
export type Cell = string | number | boolean | null | Buffer;
export type TableRows = Readonly<{
  table: string;
  columns: readonly string[];
  rows: readonly (readonly Cell[])[];
}>;

const EPOCH_MS = Date.parse('2026-01-05T09:30:00Z');
const MINUTE_MS = 60_000;
/** These have one file of several chunks, so that ranges can cross a border; hundreds of tenants would only fill the disk with it. */
const WITH_BIG_FILE = ['acme', 'globex', 'initech', 'umbrella'];

/** A time some minutes after the beginning of the demo's history; with microseconds where `micros` is not zero. */
function tell(minutes: number, micros = 0): string {
  const whole = new Date(EPOCH_MS + minutes * MINUTE_MS).toISOString().slice(0, 19);
  return micros === 0 ? `${whole}Z` : `${whole}.${String(micros).padStart(6, '0')}Z`;
}

/** Every row of a new tenant, about 200: the same for the same name, another for another. Ids begin at 1 in every tenant. */
export function makeRows(tenant: string, passwords: readonly string[]): readonly TableRows[] {
  const die = openDie(tenant);
  const channels = die.between(3, CHANNELS.length);
  return [
    makeUsers(tenant, passwords),
    makeJobs(tenant, die),
    makeChannels(channels, die),
    makeMessages(tenant, channels, die),
    ...makeFiles(tenant, die),
  ];
}

function makeUsers(tenant: string, passwords: readonly string[]): TableRows {
  return {
    table: 'auth_user',
    columns: [
      'password',
      'username',
      'first_name',
      'last_name',
      'email',
      'is_staff',
      'is_active',
      'date_joined',
    ],
    rows: PEOPLE.map(({ username, first_name, last_name }, index) => [
      passwords[index] ?? '!',
      ...[username, first_name, last_name, `${username}@${tenant}.example`],
      ...[index === 0, true, tell(index * 7, index % 2 === 0 ? 0 : 123_456)],
    ]),
  };
}

const JOB_COLUMNS = [
  'user_id',
  'model',
  'prompt',
  'temperature',
  'status',
  'completion',
  'prompt_tokens',
  'completion_tokens',
  'cost',
  'created_at',
  'finished_at',
];

function makeJobs(tenant: string, die: Die): TableRows {
  const rows = Array.from({ length: die.between(30, 50) }, (_, index) => {
    const model = die.pick(MODELS);
    const prompt = `${die.pick(PROMPTS)} (${tenant} ${index + 1})`;
    const asked = [die.between(1, PEOPLE.length), model, prompt, die.pick(TEMPERATURES)];
    const words = chooseWords({ model, prompt, temperature: 0, maxTokens: die.pick([16, 64, 64]) });
    const minute = 600 + index * 45;
    const promptTokens = prompt.split(/\s+/).length;
    if (die.onceIn(12)) return [...asked, 'failed', null, promptTokens, 0, '0.0000', tell(minute), null];
    const cost = ((promptTokens + words.length) / 10_000).toFixed(4);
    const result = ['done', words.join(' '), promptTokens, words.length, cost];
    return [...asked, ...result, tell(minute), tell(minute, die.between(1, 999_999))];
  });
  return { table: 'ai_job', columns: JOB_COLUMNS, rows };
}

function makeChannels(count: number, die: Die): TableRows {
  return {
    table: 'chat_channel',
    columns: ['name', 'topic', 'is_private', 'created_at', 'created_by_id'],
    rows: CHANNELS.slice(0, count).map(([name, topic], index) => [
      ...[name, topic, index === 2, tell(60 + index)],
      die.between(1, PEOPLE.length),
    ]),
  };
}

function makeMessages(tenant: string, channels: number, die: Die): TableRows {
  const rows = Array.from({ length: die.between(100, 140) }, (_, index) => {
    const minute = 700 + index * 97;
    return [
      ...[
        `${die.pick(SENTENCES)} [${tenant} ${index + 1}]`,
        die.pick(METADATA),
        tell(minute, index % 3 === 0 ? 0 : 500_000),
      ],
      ...[die.onceIn(15) ? tell(minute + 2) : null, die.between(1, PEOPLE.length), die.between(1, channels)],
    ];
  });
  return {
    table: 'chat_message',
    columns: ['body', 'metadata', 'created_at', 'edited_at', 'author_id', 'channel_id'],
    rows,
  };
}

function makeFiles(tenant: string, die: Die): readonly TableRows[] {
  const files = FILES.slice(0, die.between(4, FILES.length)).map(
    ([name, type]: readonly [string, string]) => ({
      name,
      type,
      content: fillContent(`${tenant} ${name}`, die.between(200, 2_000)),
    }),
  );
  if (WITH_BIG_FILE.includes(tenant))
    files.push({
      name: 'handbook.pdf',
      type: 'application/pdf',
      content: fillContent(`${tenant} handbook`, 2 * CHUNK_BYTES + 75_000),
    });
  const fileRows = files.map(({ name, type, content }, index) => {
    const sha256 = createHash('sha256').update(content).digest('hex');
    return [
      name,
      type,
      content.length,
      sha256,
      tell(900 + index, index % 2 === 0 ? 0 : 250_000),
      die.between(1, PEOPLE.length),
    ];
  });
  const chunkRows = files.flatMap(({ content }, index) =>
    Array.from({ length: Math.ceil(content.length / CHUNK_BYTES) }, (_, seq) => [
      ...[index + 1, seq, content.subarray(seq * CHUNK_BYTES, (seq + 1) * CHUNK_BYTES)],
    ]),
  );
  return [
    {
      table: 'files_file',
      columns: ['name', 'content_type', 'size', 'sha256', 'created_at', 'owner_id'],
      rows: fileRows,
    },
    { table: 'files_chunk', columns: ['file_id', 'seq', 'data'], rows: chunkRows },
  ];
}

/** Bytes that tell where they stand, so that a wrong range shows. */
function fillContent(label: string, length: number): Buffer {
  const line = (at: number) => `${label} line ${String(at).padStart(6, '0')}\n`;
  const size = Buffer.byteLength(line(0));
  const lines = Array.from({ length: Math.ceil(length / size) }, (_, at) => line(at));
  return Buffer.from(lines.join('')).subarray(0, length);
}
