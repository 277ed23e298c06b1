import { fillPath } from '../banyan/index.ts';
import type { Crowd } from '../load/index.ts';
import type { Stand } from '../stand.ts';
import { BODY_BYTES, PLACES } from '../upstream/index.ts';

export const CALLERS = 64;

/** Each with a key of a tenant of its own, and each asks for all routes of the table in turn. */
export function makeCallers({ premises }: Stand): Crowd {
  const routes = premises.table.routes.filter(({ template }) => template.startsWith(PLACES.small));
  return {
    keys: premises.keys,
    targets: routes.map(({ method, template }, number) => ({
      method,
      path: fillPath(template, number),
      expect: { status: 200, bodyBytes: BODY_BYTES.small },
    })),
  };
}
