// mask: raw values → what may be kept of them.
//
// Pure but for the nonces of `openSeal`. `openMask` shows values by type, length and keyed hash, in clear text only where the table says so,
// and never what is a secret by its name; `openSeal` locks away what replays and unlocks need. No key, no way back.
export { type Mask, openMask } from './mask.ts';
export { openSeal, type Seal } from './seal.ts';
export { isSecretName, isSecretPath, SECRET_PARTS, SECRET_WORDS } from './secret-names.ts';
export { looksSecret } from './secret-values.ts';
export { CUT, LARGEST_SKELETON } from './skeleton.ts';
