import type { CatalogKey, CatalogReference, CatalogTable } from './catalog.ts';
import { TENANT_COLUMN } from './expected.ts';
import { type DriftKind, type Flaw, note, stop } from './finding.ts';

const COMES_BACK = 'legacy would refuse rows that are carried back';

/** Keys, foreign keys and rules: what one side demands of rows and the other does not. */
export function judgeConstraints(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  return [
    ...judgePrimary(source, target),
    ...judgeUnique(source, target),
    ...judgeReferences(source, target),
    ...judgeRules(source, target),
  ];
}

const withoutTenant = (columns: readonly string[]) => columns.filter((column) => column !== TENANT_COLUMN);

function printPrimary({ keys }: CatalogTable): string {
  const primary = keys.find(({ isPrimary }) => isPrimary);
  return primary ? `(${withoutTenant(primary.columns).toSorted().join(', ')})` : 'none';
}

function judgePrimary(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  const [own, wished] = [printPrimary(source), printPrimary(target)];
  const sentence = `Its primary key is ${own}, and the store's without the tenant ${wished}. Give it that key.`;
  return own === wished ? [] : [stop('other_key', source.name, sentence)];
}

const printUnique = ({ columns, special }: CatalogKey): string =>
  `(${withoutTenant(columns).toSorted().join(', ')})${special && ` ${special}`}`;

function judgeUnique(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  const list = ({ keys }: CatalogTable) => keys.filter(({ isPrimary }) => !isPrimary).map(printUnique);
  return judgeSets('other_unique', source.name, list(source), list(target), {
    missing: (key) =>
      `It has no unique key ${key}, and the store has: rows may be there twice. Give it that key, once they are not.`,
    extra: (key) =>
      `It has a unique key ${key}, and the store has not: ${COMES_BACK}. Give the store that key, with the tenant.`,
  });
}

const printReference = ({ columns, table, targets }: CatalogReference): string =>
  `(${withoutTenant(columns).join(', ')}) → ${table} (${withoutTenant(targets).join(', ')})`;

function judgeReferences(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  const inside = source.references.filter(({ schema }) => schema === source.schema);
  // Every tenant's table hangs on the registry by the tenant alone; legacy has nothing of that kind.
  const wished = target.references.filter(({ columns }) => withoutTenant(columns).length > 0);
  return [
    ...judgeStrayReferences(source),
    ...judgeSets('other_reference', source.name, inside.map(printReference), wished.map(printReference), {
      missing: (key) =>
        `It has no foreign key ${key}, and the store has: rows may refer to nothing. Give it that key, once they do not.`,
      extra: (key) =>
        `It has a foreign key ${key}, and the store has not: ${COMES_BACK}. Give the store that key, with the tenant.`,
    }),
    ...judgeOnDelete(source.name, inside, wished),
  ];
}

function judgeStrayReferences({ name, schema, references }: CatalogTable): readonly Flaw[] {
  return references
    .filter((one) => one.schema !== schema)
    .map((one) =>
      stop(
        'other_reference',
        name,
        `(${one.columns.join(', ')}) refers to ${one.schema}.${one.table}, outside of the tenant's schema. What it refers to is not carried over: point it to the schema's own table.`,
      ),
    );
}

function judgeOnDelete(
  place: string,
  own: readonly CatalogReference[],
  wished: readonly CatalogReference[],
): readonly Flaw[] {
  const known = new Map(wished.map((one) => [printReference(one), one.onDelete]));
  return own
    .filter((one) => (known.get(printReference(one)) ?? one.onDelete) !== one.onDelete)
    .map((one) =>
      note(
        'other_reference',
        place,
        `When a row goes, ${printReference(one)} does not do on both sides the same with those that refer to it. Let ON DELETE say the same.`,
      ),
    );
}

function judgeRules(source: CatalogTable, target: CatalogTable): readonly Flaw[] {
  return judgeSets('other_rule', source.name, source.rules, target.rules, {
    missing: (rule) =>
      `It has no CHECK ${rule}, and the store has: rows may not fit. Give it that rule, once they do.`,
    extra: (rule) =>
      `It has a CHECK ${rule}, and the store has not: ${COMES_BACK}. Give the store that rule.`,
  });
}

type Say = Readonly<{ missing(one: string): string; extra(one: string): string }>;

function judgeSets(
  kind: DriftKind,
  place: string,
  own: readonly string[],
  wished: readonly string[],
  { missing, extra }: Say,
): readonly Flaw[] {
  return [
    ...wished.filter((one) => !own.includes(one)).map((one) => stop(kind, place, missing(one))),
    ...own.filter((one) => !wished.includes(one)).map((one) => stop(kind, place, extra(one))),
  ];
}
