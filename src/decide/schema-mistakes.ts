import type { z } from 'zod';
import { type Mistake, printPath, showFound, suggestNearest, type TablePath } from './mistake.ts';
import { splitKnownKeys } from './schema-parts.ts';
import type { TableDocument } from './table-document.ts';

type Issue = z.core.$ZodIssue;

/** Words zod's issues: one mistake per unknown key, per missing key and per bad value, each where a person must type. */
export function describeIssues(
  document: TableDocument,
  issues: readonly Issue[],
  most: number,
): readonly Mistake[] {
  return issues.slice(0, most).flatMap((issue) => describeIssue(document, issue, issue.path).slice(0, most));
}

function describeIssue(document: TableDocument, issue: Issue, path: TablePath): readonly Mistake[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => describeUnknownKey(document, issue.message, [...path, key]));
  if (issue.code === 'invalid_union') return describeUnion(document, issue, path);
  if (issue.code === 'invalid_key') return describeKey(document, issue.issues[0], path);
  return describeValue(document, issue, path);
}

function describeUnknownKey(document: TableDocument, knownKeys: string, path: TablePath): Mistake {
  const key = String(path.at(-1));
  const message = `expected one of the keys ${knownKeys}, found "${key}"${suggestNearest(key, splitKnownKeys(knownKeys))}`;
  return mistakeAt(document, path, 'key', message);
}

function describeKey(document: TableDocument, issue: Issue | undefined, path: TablePath): readonly Mistake[] {
  const message = `expected ${issue?.message}, found "${String(path.at(-1))}"${suggestMeant(issue)}`;
  return [mistakeAt(document, path, 'key', message)];
}

/** What was meant, where only the schema could tell. */
function suggestMeant(issue: Issue | undefined): string {
  const nearest: unknown = issue?.code === 'custom' ? issue.params?.nearest : undefined;
  return typeof nearest === 'string' ? ` (did you mean "${nearest}"?)` : '';
}

/** Of the ways in which a value may be read, the one that got further than its kind is the one that was meant. */
function describeUnion(document: TableDocument, issue: Issue & { code: 'invalid_union' }, path: TablePath) {
  const found = lookUp(document.value, path);
  const branches = issue.errors as readonly (readonly Issue[])[];
  const meant = branches.find((issues) => !issues.some((inner) => isOfAnotherKind(inner, found)));
  if (!meant) return describeValue(document, issue, path);
  return meant.flatMap((inner) => describeIssue(document, inner, [...path, ...inner.path]));
}

function isOfAnotherKind({ code, path }: Issue, found: unknown): boolean {
  return (
    path.length === 0 && (code === 'invalid_type' || (code === 'invalid_value' && typeof found !== 'string'))
  );
}

function describeValue(document: TableDocument, issue: Issue, path: TablePath): readonly Mistake[] {
  const found = lookUp(document.value, path);
  if (found === undefined && path.length > 0) return describeMissing(document, issue, path);
  const known = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  const nearest = typeof found === 'string' ? suggestNearest(found, known) || suggestMeant(issue) : '';
  return [
    mistakeAt(document, path, 'value', `expected ${issue.message}, found ${showFound(found)}${nearest}`),
  ];
}

function describeMissing(document: TableDocument, issue: Issue, path: TablePath): readonly Mistake[] {
  const parent = lookUp(document.value, path.slice(0, -1));
  const isAlias = typeof parent === 'object' && parent !== null && (path.at(-1) as PropertyKey) in parent;
  // Behind a slip of syntax the key may well be there, and an alias is a mistake of its own.
  if (document.isTorn || isAlias) return [];
  const message = `expected the key "${String(path.at(-1))}" (${issue.message}), found none`;
  return [{ ...mistakeAt(document, path.slice(0, -1), 'value', message), path: printPath(path) }];
}

export function mistakeAt(
  document: TableDocument,
  path: TablePath,
  part: 'value' | 'key',
  message: string,
): Mistake {
  return { ...document.locate(path, part), path: printPath(path), message };
}

export function lookUp(value: unknown, path: TablePath): unknown {
  return path.reduce<unknown>((inner, step) => {
    const isContainer = typeof inner === 'object' && inner !== null && Object.hasOwn(inner, step);
    return isContainer ? (inner as Record<PropertyKey, unknown>)[step] : undefined;
  }, value);
}
