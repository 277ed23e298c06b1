import { z } from 'zod';

// What the schemas of the table are put together from. Every schema's error is the phrase that follows "expected " in a mistake; an
// enum's values and a mapping's keys are also what a typing error is measured against.

export const phrase = (text: string) => ({ error: () => text });

/** Known keys, joined: a mapping's error for unknown keys carries them to whoever words the mistake. */
const KEY_SEPARATOR = ', ';

export function mapping<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? Object.keys(shape).join(KEY_SEPARATOR) : 'a mapping',
  });
}

export function splitKnownKeys(message: string): readonly string[] {
  return message.split(KEY_SEPARATOR);
}

export function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, phrase(`one of ${values.join(', ')}`));
}

export function named<Id>(parse: (value: unknown) => Id | undefined, expected: string, pattern: string) {
  return z
    .string(phrase(expected))
    .refine((value) => parse(value) !== undefined, phrase(expected))
    .transform((value) => value as Id & string)
    .meta({ pattern });
}

const PERCENT = 'a percentage from 0 to 100 in steps of 0.01';
export const percent = z
  .number(phrase(PERCENT))
  .min(0, phrase(PERCENT))
  .max(100, phrase(PERCENT))
  .multipleOf(0.01, phrase(PERCENT));

export const list = <Item extends z.ZodType>(item: Item) => z.array(item, phrase('a list'));
export const record = <Value extends z.ZodType>(value: Value) =>
  z.record(z.string(), value, phrase('a mapping'));
