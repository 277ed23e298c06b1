import type { TenantTransaction } from '../../store/index.ts';
import { type Json, time } from '../wire/json-text.ts';

type UserRow = NonNullable<Awaited<ReturnType<TenantTransaction['authUser']['findFirst']>>>;

/** A user as the API shows one. */
export function showUser(user: UserRow): Json {
  return {
    id: user.id,
    username: user.username,
    email: user.email,
    first_name: user.firstName,
    last_name: user.lastName,
    is_staff: user.isStaff,
    date_joined: time(user.dateJoined),
  };
}
