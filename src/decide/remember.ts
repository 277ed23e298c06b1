/**
 * What was made of a thing is kept as long as the thing: a flag that changes on the server must not have the routes of the table
 * sorted again, nor a new table have every tenant's flags read again.
 */
export function rememberEach<Thing extends object, Made>(
  make: (thing: Thing) => Made,
): (thing: Thing) => Made {
  const made = new WeakMap<Thing, Made>();
  return (thing) => {
    const known = made.get(thing);
    if (known !== undefined) return known;
    const fresh = make(thing);
    made.set(thing, fresh);
    return fresh;
  };
}
