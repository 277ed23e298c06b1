/**
 * What a group is worth now, by the database's clock: `counts`, `accepted` (until it runs out) or `noise` (by hand, or by legacy itself
 * where no person has said otherwise). Worked out when it is asked for, so that what is said of a group holds for all that was seen before.
 */
export const STANDING = `
  SELECT g.*, n.first_at AS noise_at, n.times AS noise_times,
    CASE
      WHEN g.triage = 'noise' THEN 'noise'
      WHEN g.triage = 'accepted' AND g.triage_until > now() THEN 'accepted'
      WHEN g.triage IS NULL AND n.times >= 2 THEN 'noise'
      ELSE 'counts'
    END AS standing
  FROM banyan.shadow_group g LEFT JOIN banyan.shadow_noise n ON n.route = g.route AND n.path = g.path`;

/** Comparisons in the time asked about: $1 since when (ms), $2 a route or null. */
export const IN_TIME = `t.day >= (to_timestamp($1::float8 / 1000) AT TIME ZONE 'UTC')::date
  AND t.last_at >= to_timestamp($1::float8 / 1000) AND ($2::text IS NULL OR t.route = $2)`;
