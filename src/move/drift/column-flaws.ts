import type { CatalogColumn, CatalogTable } from './catalog.ts';
import { type Expected, TENANT_COLUMN } from './expected.ts';
import { type Flaw, note, stop } from './finding.ts';

/** Column by column, by name. */
export function judgeColumns(
  source: CatalogTable,
  { target, usualOrder, leftOut }: Expected,
): readonly Flaw[] {
  const own = new Map(source.columns.map((column) => [column.name, column]));
  const wished = new Map(
    target.columns.filter(({ name }) => name !== TENANT_COLUMN).map((column) => [column.name, column]),
  );
  const flaws = [
    ...[...wished.values()]
      .filter(({ name }) => !own.has(name))
      .map((column) => judgeMissing(source, column)),
    ...[...own.values()]
      .filter(({ name }) => !wished.has(name))
      .map((column) => judgeExtra(source, column, [...wished.keys()], leftOut)),
    ...[...own.values()].flatMap((column) => {
      const other = wished.get(column.name);
      return other ? judgePair(`${source.name}.${column.name}`, column, other) : [];
    }),
  ];
  const isOtherOrder = flaws.length === 0 && printOrder(source) !== usualOrder;
  const sentence =
    'Its columns stand in another order than in most schemas. They are carried by name: nothing to do.';
  return isOtherOrder ? [note('other_order', source.name, sentence)] : flaws;
}

export const printOrder = ({ columns }: CatalogTable): string => columns.map(({ name }) => name).join(', ');

function judgeMissing({ name }: CatalogTable, column: CatalogColumn): Flaw {
  return stop(
    'column_missing',
    `${name}.${column.name}`,
    'The store has this column, and this schema has not: what the new side writes there could not go back. Run the missing migration of legacy.',
  );
}

function judgeExtra(
  { name }: CatalogTable,
  column: CatalogColumn,
  known: readonly string[],
  leftOut: ReadonlySet<string>,
): Flaw {
  const place = `${name}.${column.name}`;
  const twin = known.find((one) => one.toLowerCase() === column.name.toLowerCase());
  if (twin !== undefined)
    return stop('other_case', place, `The store calls it ${twin}. Rename one: columns are carried by name.`);
  if (column.name === TENANT_COLUMN)
    return stop(
      'column_extra',
      place,
      "The store's own column for the tenant has this name. Rename legacy's.",
    );
  if (!leftOut.has(place))
    return stop(
      'column_extra',
      place,
      'The store has no such column, and what it holds would stay behind. Give the store the column, or say that it is left out.',
    );
  return column.isRequired && column.fallback === null && column.generated === 'no'
    ? stop(
        'column_extra',
        place,
        'It is to be left out, and has to have a value: legacy would refuse rows that are carried back. Give it a default.',
      )
    : note(
        'column_left_out',
        place,
        `Knowingly left out: the new side has not got it, and legacy keeps what it has. ${describeFilling(column)}`,
      );
}

/** What a row gets there that the new side has made. */
function describeFilling({ generated, fallback }: CatalogColumn): string {
  if (generated !== 'no') return 'In a row that is carried back legacy makes it itself.';
  return `A row that is carried back has ${fallback ?? 'NULL'} there.`;
}

function judgePair(place: string, own: CatalogColumn, wished: CatalogColumn): readonly Flaw[] {
  return [
    ...(own.type === wished.type ? [] : [judgeType(place, own, wished)]),
    ...(own.isRequired === wished.isRequired ? [] : [judgeRequired(place, own)]),
    ...judgeGenerated(place, own, wished),
    ...(isOtherDefault(own, wished)
      ? [
          note(
            'other_default',
            place,
            `Legacy fills it with ${own.fallback} where nothing is said, and the store with ${wished.fallback ?? 'nothing'}. See that the new side always says something.`,
          ),
        ]
      : []),
  ];
}

const judgeType = (place: string, own: CatalogColumn, wished: CatalogColumn): Flaw =>
  stop(
    'other_type',
    place,
    `It is ${own.type} here and ${wished.type} in the store: values may not fit there, or not come back the same. Make the types one.`,
  );

const judgeRequired = (place: string, own: CatalogColumn): Flaw =>
  stop(
    'other_nullability',
    place,
    own.isRequired
      ? 'It may not be NULL here, and may in the store: legacy would refuse rows that are carried back. Make the store NOT NULL.'
      : 'It may be NULL here, and may not in the store: rows may not fit. SET NOT NULL, once there are none.',
  );

function judgeGenerated(place: string, own: CatalogColumn, wished: CatalogColumn): readonly Flaw[] {
  if (own.generated === 'stored')
    return [
      stop(
        'column_generated',
        place,
        'It is computed from others: nothing can be written there, so no row can be carried back. Leave it out of the store, and say that it is left out.',
      ),
    ];
  if (wished.generated === 'stored')
    return [
      stop('column_generated', place, 'The store computes it from others: nothing can be copied there.'),
    ];
  return own.generated === 'identity_always'
    ? [
        stop(
          'column_generated',
          place,
          'Its ids are GENERATED ALWAYS: rows with ids of their own are refused. ALTER COLUMN … SET GENERATED BY DEFAULT.',
        ),
      ]
    : [];
}

/** The store may have defaults of its own, for its handlers' sake; ids are given out by the store's counters. */
function isOtherDefault(own: CatalogColumn, wished: CatalogColumn): boolean {
  return own.fallback !== null && !own.fallback.startsWith('nextval(') && own.fallback !== wished.fallback;
}
