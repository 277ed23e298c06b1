/** What can be asked of a model, by Prisma's names (https://www.prisma.io/docs/orm/reference/prisma-client-reference). */
export const READS = [
  'findUnique',
  'findUniqueOrThrow',
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'count',
  'aggregate',
  'groupBy',
] as const;
export const CHANGES = [
  'update',
  'updateMany',
  'updateManyAndReturn',
  'upsert',
  'delete',
  'deleteMany',
] as const;
export const CREATES = ['create', 'createMany', 'createManyAndReturn'] as const;
