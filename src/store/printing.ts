/**
 * What decides how PostgreSQL prints a value as text (https://www.postgresql.org/docs/18/runtime-config-client.html): no text that is copied,
 * compared or kept may hang on a role's or a database's own settings.
 */
export const PRINTING = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  IntervalStyle: 'postgres',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  xmloption: 'content',
} as const;
