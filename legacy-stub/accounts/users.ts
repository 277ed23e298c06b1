import type { Connection } from '../database/connection.ts';

/** A row of auth_user; times are the database's own text, in UTC. */
export type User = Readonly<{
  id: number;
  username: string;
  email: string;
  first_name: string;
  last_name: string;
  password: string;
  is_staff: boolean;
  is_active: boolean;
  date_joined: string;
}>;

/** As Django's `get_user`: someone who is gone or inactive is nobody. */
export async function findUser(db: Connection, id: number | undefined): Promise<User | undefined> {
  if (id === undefined) return undefined;
  const [user] = await db.query<User>('SELECT * FROM auth_user WHERE id = $1 AND is_active', [id]);
  return user;
}
