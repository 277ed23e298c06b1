import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { deriveKey } from './shapes.ts';

/** Locks away what replays and unlocks need. AES-256-GCM; `about` (the route, say) is bound to it and must be the same to open it. */
export type Seal = Readonly<{
  /** Anything that JSON can hold. */
  seal(value: unknown, about: string): Uint8Array;
  /** Undefined where it was sealed with another key, about something else, or was touched. */
  open(sealed: Uint8Array, about: string): unknown;
}>;

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/** `key`: 32 bytes, secret; the mask's may be used, each derives its own. Throws where it has another length. */
export function openSeal(key: Uint8Array): Seal {
  const own = deriveKey(key, 'banyan seal v1');
  return {
    seal: (value, about) => close(own, Buffer.from(JSON.stringify(value) ?? 'null'), about),
    open: (sealed, about) => {
      const text = open(own, sealed, about);
      return text === undefined ? undefined : JSON.parse(text);
    },
  };
}

/** version (1 byte), nonce (12), tag (16), then the sealed bytes. */
function close(key: Uint8Array, plain: Uint8Array, about: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(bind(about));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), sealed]);
}

function open(key: Uint8Array, sealed: Uint8Array, about: string): string | undefined {
  if (sealed.length < HEAD_BYTES || sealed[0] !== VERSION) return undefined;
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const options = { authTagLength: TAG_BYTES };
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, options).setAAD(bind(about));
  decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES));
  try {
    const plain = Buffer.concat([decipher.update(sealed.subarray(HEAD_BYTES)), decipher.final()]);
    return plain.toString('utf8');
  } catch {
    return undefined;
  }
}

/** The version is bound, too: what one version sealed is not read as another's. */
const bind = (about: string) => Buffer.from(`${VERSION}\n${about}`);
