/** Many who ask the same thing at once share one answer. */
export function openSingleFlight<Value>(): (id: string, ask: () => Promise<Value>) => Promise<Value> {
  const flying = new Map<string, Promise<Value>>();
  return (id, ask) => {
    const known = flying.get(id);
    if (known !== undefined) return known;
    const flight = ask().finally(() => flying.delete(id));
    flying.set(id, flight);
    return flight;
  };
}
