import { createHash } from 'node:crypto';
import type { RowFinding } from './table-look.ts';
import type { Proof } from './verify-tenant.ts';

const NAMED = 3;

/** A proof as a sentence for people and logs: tables, keys and columns, never a value of a row. */
export function describeProof(proof: Proof): string {
  if (proof.kind === 'equal') return `All ${proof.rows} rows are the same on both sides.`;
  const { count, rows, findings } = proof;
  const named = findings.slice(0, NAMED).map(describeFinding).join('; ');
  const more = count > NAMED ? `; and ${count - NAMED} more` : '';
  return `${count} of ${rows} rows differ: ${named}${more}.`;
}

function describeFinding({ table, key: whole, what, columns }: RowFinding): string {
  const key = maskKey(whole);
  switch (what) {
    case 'missing_on_new':
      return `${table} ${key} is missing on the new side`;
    case 'missing_on_legacy':
      return `${table} ${key} is missing on legacy`;
    case 'different':
      return `${table} ${key} differs in ${columns.join(', ')}`;
  }
}

const SHOWN_CHARACTERS = 8;

// A text that is no column's name. Read as JSON, a long number would become another one.
const TEXT = /(?<=[:[,])"(?:[^"\\]|\\.)*"(?!:)/g;

/** Numbers as they are. A text may be a session's key: who has it finds it by the hash, and nobody else. */
function maskKey(key: string): string {
  return key.replaceAll(TEXT, (text) => JSON.stringify(hash(JSON.parse(text) as string)));
}

const hash = (text: string) =>
  `sha256:${createHash('sha256').update(text).digest('hex').slice(0, SHOWN_CHARACTERS)}`;
