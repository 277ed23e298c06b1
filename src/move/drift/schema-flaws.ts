import { parseTenantName } from '../../vocabulary/index.ts';
import { type Flaw, note, stop } from './finding.ts';
import { listUsual } from './majority.ts';

/** A line of legacy's registry. */
export type Registered = Readonly<{ id: number; name: string; schema: string }>;

/** Whether a tenant can be told apart from all others, and its schema be found. */
export function judgeTenant(
  tenant: Registered,
  all: readonly Registered[],
  schemas: ReadonlySet<string>,
): readonly Flaw[] {
  const sharing = all.filter(({ id, schema }) => id !== tenant.id && schema === tenant.schema);
  const twins = listTwins(tenant, all, schemas);
  return [
    ...(parseTenantName(tenant.name) === undefined
      ? [
          stop(
            'tenant_name',
            '',
            `No host can be called "${tenant.name}", so that no request can be this tenant's. Rename it in public.tenants_tenant.`,
          ),
        ]
      : []),
    ...(schemas.has(tenant.schema)
      ? []
      : [
          stop(
            'schema_missing',
            '',
            `The registry says schema "${tenant.schema}", and there is none${twins.length > 0 ? ` (but ${twins.join(', ')})` : ''}. Restore it, or take the tenant out of public.tenants_tenant.`,
          ),
        ]),
    ...(sharing.length > 0
      ? [
          stop(
            'schema_shared',
            '',
            `The schema is also that of ${sharing.map(({ name }) => name).join(', ')}: whose rows these are cannot be told. Give each tenant a schema of its own.`,
          ),
        ]
      : []),
    ...(twins.length > 0 && schemas.has(tenant.schema)
      ? [
          stop(
            'other_case',
            '',
            `There is also ${twins.join(', ')}, which differs by its case only: where a name is not quoted, rows go to the other one. Rename or drop one.`,
          ),
        ]
      : []),
  ];
}

const isTwin = (one: string, other: string): boolean =>
  one !== other && one.toLowerCase() === other.toLowerCase();

function listTwins(
  tenant: Registered,
  all: readonly Registered[],
  schemas: ReadonlySet<string>,
): readonly string[] {
  return [
    ...[...schemas]
      .filter((schema) => isTwin(schema, tenant.schema))
      .map((schema) => `the schema "${schema}"`),
    ...all.filter(({ name }) => isTwin(name, tenant.name)).map(({ name }) => `the tenant "${name}"`),
  ];
}

// Not a tenant's by their purpose: the registry's own, and where the way back notes how far it has come.
const OURS: ReadonlySet<string> = new Set(['public', 'banyan']);

/** Schemas that nobody in the registry has. */
export function judgeStrays(
  schemas: readonly string[],
  all: readonly Registered[],
  withTables: ReadonlySet<string>,
): readonly Readonly<{ schema: string; flaw: Flaw }>[] {
  const known = new Set(all.map(({ schema }) => schema));
  return schemas
    .filter((schema) => !known.has(schema) && !OURS.has(schema))
    .map((schema) => ({
      schema,
      flaw: note(
        'schema_stray',
        '',
        withTables.has(schema)
          ? 'It has tables of tenants and no line in public.tenants_tenant. It is not moved: drop it, or put its tenant into the registry.'
          : 'It has no line in public.tenants_tenant and none of the tables. It is not moved: nothing to do.',
      ),
    }));
}

const NAMED = 3;

/** What each schema's list of migrations lacks or has too many, beside what most of them have. */
export function judgeMigrations(
  migrations: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly Flaw[]> {
  const usual = listUsual([...migrations.values()]);
  return new Map(
    [...migrations].map(([schema, names]) => {
      const own = new Set(names);
      const missing = [...usual].filter((name) => !own.has(name)).toSorted();
      const extra = names.filter((name) => !usual.has(name)).toSorted();
      return [schema, [...judgeMissing(missing), ...judgeExtra(extra)]];
    }),
  );
}

const judgeMissing = (names: readonly string[]): readonly Flaw[] =>
  names.length === 0
    ? []
    : [
        stop(
          'half_migrated',
          'django_migrations',
          `It lacks ${nameSome(names)}, which most schemas have. Run legacy's migrate for it.`,
        ),
      ];

const judgeExtra = (names: readonly string[]): readonly Flaw[] =>
  names.length === 0
    ? []
    : [
        stop(
          'half_migrated',
          'django_migrations',
          `It has ${nameSome(names)}, which most schemas have not. Run legacy's migrate for all, or undo it here.`,
        ),
      ];

const nameSome = (names: readonly string[]): string =>
  `${names.slice(0, NAMED).join(', ')}${names.length > NAMED ? ` and ${names.length - NAMED} more` : ''}`;
