/**
 * A map nobody can change, at run time as well: what is read from a request stays the same for every policy and for
 * the answer, whatever a policy tries.
 */
export class ReadOnlyMap<K, V> implements ReadonlyMap<K, V> {
  readonly #entries: ReadonlyMap<K, V>

  /** Takes the map over; whoever made it must not keep it. */
  constructor(entries: ReadonlyMap<K, V>) {
    this.#entries = entries
    Object.freeze(this)
  }

  get size(): number {
    return this.#entries.size
  }
  get(key: K): V | undefined {
    return this.#entries.get(key)
  }
  has(key: K): boolean {
    return this.#entries.has(key)
  }
  keys(): MapIterator<K> {
    return this.#entries.keys()
  }
  values(): MapIterator<V> {
    return this.#entries.values()
  }
  entries(): MapIterator<[K, V]> {
    return this.#entries.entries()
  }
  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.#entries.entries()
  }
  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.#entries) visit(value, key, this)
  }
}
