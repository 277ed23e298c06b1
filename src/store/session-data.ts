import { inflateSync } from 'node:zlib';
import { parseUserId, type UserId } from '../vocabulary/index.ts';

const LARGEST_BYTES = 64 * 1024;

/**
 * Whose session a row of `django_session` is, by Django's own layout (django.core.signing.dumps): URL-safe base64 of JSON, behind a
 * dot if it was compressed, then time and signature. The signature is not checked: the row is ours, not a client's.
 */
export function readSessionUser(sessionData: string): UserId | undefined {
  const payload = sessionData.split(':')[0] ?? '';
  const compressed = payload.startsWith('.');
  try {
    const bytes = Buffer.from(compressed ? payload.slice(1) : payload, 'base64url');
    const json: unknown = JSON.parse(
      String(compressed ? inflateSync(bytes, { maxOutputLength: LARGEST_BYTES }) : bytes),
    );
    const isObject = typeof json === 'object' && json !== null && '_auth_user_id' in json;
    return isObject ? parseUserId(json._auth_user_id) : undefined;
  } catch {
    return undefined;
  }
}
