import { z } from 'zod';
import { isSecretName, VALUE_FORMATS } from '../vocabulary/index.ts';
import { findNearestPath, type MirrorPlace, parseMirrorPath, patternOf } from './mirror-path.ts';
import { list, mapping, oneOf, percent, phrase } from './schema-parts.ts';

/** A path to one of these places. `nearest` travels with the issue, since only the grammar knows what was meant. */
function pathTo(places: readonly MirrorPlace[], expected: string) {
  return z
    .string(phrase(expected))
    .superRefine((text, context) => {
      const path = parseMirrorPath(text);
      if (path && places.includes(path.place)) return;
      const nearest = findNearestPath(text, places);
      context.addIssue({ code: 'custom', message: expected, params: { nearest } });
    })
    .transform((text) => parseMirrorPath(text)?.text ?? text)
    .meta({ pattern: patternOf(places) });
}

const anyPath = pathTo(
  ['pointer', 'status', 'body', 'header', 'cookie', 'rows', 'column'],
  'a JSON pointer such as /items/*/id, or status, body, header:etag, cookie:theme, rows:ai_job or rows:ai_job/state',
);
const listPath = pathTo(
  ['pointer', 'body', 'column'],
  'a JSON pointer to a list such as /items, or body, or a column such as rows:ai_job/tags',
);
const numberPath = pathTo(
  ['pointer', 'column'],
  'a JSON pointer to a number such as /items/*/score, or a column such as rows:ai_job/score',
);
const valuePath = pathTo(
  ['pointer', 'body', 'header', 'cookie', 'column'],
  'a JSON pointer to a value such as /items/*/id, or body, header:etag, cookie:theme or rows:ai_job/state',
);
const fieldPath = pathTo(
  ['pointer', 'header', 'cookie', 'column'],
  'a JSON pointer to a field such as /items/*/state, or header:etag or rows:ai_job/state',
);

const NO_SECRET = 'a field without a secret (passwords, tokens, keys, sessions and cookies stay hidden)';
const clearPath = fieldPath.refine((text) => {
  const { place, name, steps } = parseMirrorPath(text) ?? { place: 'cookie', name: '', steps: [] };
  // auth_user holds users, and most of what is in it is no secret: the prefix is that of a Django app.
  return place !== 'cookie' && ![name.replace(/^auth_/, ''), ...steps].some(isSecretName);
}, phrase(NO_SECRET));

const HEADER = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
const headerName = z
  .string(phrase('the name of a header such as etag'))
  .regex(new RegExp(HEADER), phrase('the name of a header such as etag'))
  .transform((name) => name.toLowerCase())
  .refine(
    (name) => name !== 'set-cookie',
    phrase('a header other than set-cookie (cookies are compared one by one, as cookie:theme)'),
  )
  .meta({ pattern: HEADER });

const ITEM_KEY = 'what names an item of the list: a key such as id, or a JSON pointer such as /meta/id';
const itemKey = z
  .string(phrase(ITEM_KEY))
  .transform((key) => (key.startsWith('/') ? key : `/${key.replaceAll('~', '~0')}`))
  .refine((pointer) => !pointer.includes('*') && parseMirrorPath(pointer) !== undefined, phrase(ITEM_KEY));

const NUMBER = 'a number, 0 or more';
const keyed = <Key extends z.ZodType<string, string>, Value extends z.ZodType>(key: Key, value: Value) =>
  z.record(key, value, phrase('a mapping'));

const unorderedItem = z.union(
  [
    listPath.transform((at) => ({ list: at, by: undefined })),
    mapping({ list: listPath, by: itemKey.optional() }).transform(({ list: at, by }) => ({ list: at, by })),
  ],
  phrase('a JSON pointer to a list, or a mapping of list and by'),
);
const unordered = z.union(
  [
    list(unorderedItem),
    keyed(listPath, itemKey).transform((keys) => Object.entries(keys).map(([at, by]) => ({ list: at, by }))),
  ],
  phrase('a list, or a mapping of JSON pointers to keys'),
);

export const mirrorSchema = mapping({
  percent: percent
    .optional()
    .describe('Share of the requests that are mirrored; 100 without it, 0 for none.'),
  ignore: list(anyPath).optional().describe('Not compared, with everything below.'),
  unordered: unordered
    .optional()
    .describe('Lists whose order does not matter; as a mapping, with what names an item: { /items: id }.'),
  tolerance: keyed(numberPath, z.number(phrase(NUMBER)).min(0, phrase(NUMBER)))
    .optional()
    .describe('How far numbers may be apart.'),
  equal: keyed(valuePath, oneOf(VALUE_FORMATS))
    .optional()
    .describe('Values that differ each time: equal where both have the format.'),
  headers: list(headerName).optional().describe('The headers that are compared; the usual ones without it.'),
  clear: list(clearPath)
    .optional()
    .describe('Fields whose values may be kept in clear text; of all others only their shape is.'),
});

export type RawMirror = z.output<typeof mirrorSchema>;
