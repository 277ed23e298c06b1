/** One migration of one Django app, in the order in which `migrate` applies them to each schema. */
export type Migration = Readonly<{ app: string; name: string; sql: string }>;

export const MIGRATIONS: readonly Migration[] = [
  {
    app: 'ai',
    name: '0002_job_duration_ms',
    // A column with a backfill, as shops write it: nullable first, filled, and only then with its rule.
    sql: `
ALTER TABLE ai_job ADD COLUMN duration_ms integer NULL;
UPDATE ai_job SET duration_ms = round(extract(epoch FROM finished_at - created_at) * 1000) WHERE finished_at IS NOT NULL;
ALTER TABLE ai_job ADD CONSTRAINT ai_job_duration_ms_not_negative CHECK (duration_ms >= 0);`,
  },
  {
    app: 'chat',
    name: '0002_message_channel_newest_idx',
    sql: `CREATE INDEX chat_message_channel_newest_idx ON chat_message (channel_id, id DESC);`,
  },
];
