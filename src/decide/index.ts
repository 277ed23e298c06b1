// decide: which route is this, who answers, who shadows.
//
// In goes the route table (a YAML file that the platform team edits) and the flags; out comes one frozen Decision per request, made
// from ONE pinned snapshot, each flag read ONCE. Unlisted route, silent flag service, no tenant, open breaker: legacy answers.
// A good file is in force within a second of being written; a bad one is refused with every mistake in it, and the last good one stays.
// Changes nothing outside, waits for nobody on a request's way, and tells what happens by events alone.

export { type Decide, type DecideOptions, openDecide, type ReloadResult } from './decide.ts';
export type { Declared } from './declared-owner.ts';
export type { Explanation, Question } from './explanation.ts';
export type { FlagRule, FlagStory } from './flag-story.ts';
export { type Mistake, printMistake, TableRefusal } from './mistake.ts';
export type { Match } from './route-matcher.ts';
export type { Asking } from './shadowing.ts';
export type { Snapshot } from './snapshot.ts';
export type { FeatureEntry, FlagEntry, RouteRow, Table } from './table.ts';
export { type EditResult, editTable, type TableChange } from './table-edit.ts';
export { readTable, type TableResult } from './table-reader.ts';
export type { Surroundings } from './table-rules.ts';
export { tableJsonSchema } from './table-schema.ts';
export type { UnleashSettings } from './unleash-connection.ts';
