export { type Demo, type DemoHouse, type DemoParts, type DemoWish, startDemo } from './demo.ts';
export { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';
