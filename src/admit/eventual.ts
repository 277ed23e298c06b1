/** Known already, or soon: a cached caller costs no turn of the event loop. */
export type Eventual<Value> = Value | Promise<Value>;

export function then<From, To>(value: Eventual<From>, next: (value: From) => Eventual<To>): Eventual<To> {
  return value instanceof Promise ? value.then(next) : next(value);
}

export function allOf<Value>(values: readonly Eventual<Value>[]): Eventual<readonly Value[]> {
  return values.some((value) => value instanceof Promise)
    ? Promise.all(values)
    : (values as readonly Value[]);
}
