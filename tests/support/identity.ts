import type { Identity } from '../../src/vocabulary/index.ts';

/** All of it in one list, name and value in turn. */
export const listIdentity = ({ ofRequest, standing }: Identity): readonly string[] => [
  ...ofRequest,
  ...standing,
];
