import type { CatalogTable } from './catalog.ts';
import { judgeColumns } from './column-flaws.ts';
import { judgeConstraints } from './constraint-flaws.ts';
import type { Expected } from './expected.ts';
import { type Flaw, note, stop } from './finding.ts';

/** All that keeps a table of legacy from being carried to the store and back, or that is worth a note. */
export function judgeTable(source: CatalogTable, expected: Expected): readonly Flaw[] {
  const form = judgeForm(source);
  if (form.length > 0) return form;
  const { target } = expected;
  return [
    ...judgeIdentity(source),
    ...judgeConstraints(source, target),
    ...judgeSequences(source),
    ...source.triggers.map((name) =>
      note(
        'trigger',
        source.name,
        `The trigger ${name} also fires for rows that are carried back. Let it pass them by, or drop it.`,
      ),
    ),
    ...judgeColumns(source, expected),
  ];
}

const FORMS: Readonly<Record<Exclude<CatalogTable['form'], 'plain'>, string>> = {
  partitioned:
    'It is partitioned, so that its changes come under the names of its partitions. Leave this tenant on legacy, or make it one table.',
  inherited:
    'It inherits from another table or is inherited from, so that rows show in two places. End that: ALTER TABLE … NO INHERIT.',
  unlogged:
    'It is unlogged, so that its changes are not in the log and a crash empties it. ALTER TABLE … SET LOGGED.',
  no_table: 'It is a view or a foreign table. Rows can only be carried from a table.',
};

function judgeForm({ name, form, isReadable, hidesRows }: CatalogTable): readonly Flaw[] {
  return [
    ...(form === 'plain' ? [] : [stop('table_form', name, FORMS[form])]),
    ...(isReadable
      ? []
      : [
          stop(
            'not_readable',
            name,
            'The role of LEGACY_DATABASE_URL may not read it. GRANT USAGE ON SCHEMA …, SELECT ON TABLE …',
          ),
        ]),
    ...(hidesRows
      ? [
          stop(
            'rows_hidden',
            name,
            'Row-level security is on, so that rows may be hidden from whoever copies them. Disable it, or let the role bypass it.',
          ),
        ]
      : []),
  ];
}

function judgeIdentity({ name, replicaIdentity, keys }: CatalogTable): readonly Flaw[] {
  const primary = keys.find(({ isPrimary }) => isPrimary);
  const index = keys.find(({ isIdentity }) => isIdentity);
  const isTold =
    replicaIdentity === 'f' ||
    (replicaIdentity === 'd' && primary !== undefined) ||
    (replicaIdentity === 'i' && primary?.columns.every((column) => index?.columns.includes(column)));
  const sentence =
    'The log does not say which row an UPDATE or DELETE was about. ALTER TABLE … REPLICA IDENTITY DEFAULT, with a primary key.';
  return isTold ? [] : [stop('no_replica_identity', name, sentence)];
}

function judgeSequences({ name, schema, sequences }: CatalogTable): readonly Flaw[] {
  return sequences.flatMap((sequence) => {
    const place = `${name}.${sequence.column}`;
    if (sequence.schema !== schema)
      return [
        stop(
          'sequence_elsewhere',
          place,
          `Its ids come from ${sequence.schema}.${sequence.name}, outside of the tenant's schema: it cannot be moved on for one tenant alone. Give the column a sequence of its own.`,
        ),
      ];
    if (sequence.isOwned) return [];
    return [
      stop(
        'sequence_not_owned',
        place,
        `The sequence ${sequence.name} is not owned by the column, so that nobody finds it to move it on. ALTER SEQUENCE … OWNED BY …`,
      ),
    ];
  });
}
