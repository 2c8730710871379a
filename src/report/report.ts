import type { Entry } from './entry.ts'

/** Which decisions count. Times in seconds since the epoch. */
export interface Filter {
  readonly since?: number | undefined
  /** Itself not counted any more. */
  readonly until?: number | undefined
  readonly route?: string | undefined
  readonly client?: string | undefined
  readonly reason?: string | undefined
}

/** How often a client was refused, or would be, for one reason on one route. */
export interface Row {
  readonly client: string
  /** Whether that is a client that showed its token, and not a network. */
  readonly known: boolean
  /** The authorization server that names the client so. */
  readonly issuer: string | undefined
  readonly route: string
  readonly reason: string
  readonly mode: Entry['mode']
  readonly count: number
  /** Requests of the client in all, for whatever they came. */
  readonly of: number
  readonly first: number
  readonly last: number
}

/** What came of a reading. */
export interface Report {
  readonly decisions: number
  readonly clients: number
  /** Undefined when there are no decisions. */
  readonly first: number | undefined
  readonly last: number | undefined
  /** What would be refused first, then what was; the most frequent first. */
  readonly rows: readonly Row[]
  /** Refusals that no row tells of, because there were too many clients or too many reasons of one. */
  readonly others: { readonly shadow: number; readonly enforce: number }
}

/** Clients, rows of one client, rows in all. Beyond them only the number is known. */
const MAX_CLIENTS = 10_000
const MAX_ROWS_EACH = 100
const MAX_ROWS = 50_000

type Group = { -readonly [K in keyof Row]: Row[K] }

interface Client {
  total: number
  readonly groups: Map<string, Group>
}

/** Counts decisions one by one; what it remembers does not grow with the number of lines. */
export class Counting {
  readonly #filter: Filter
  readonly #clients = new Map<string, Client>()
  readonly #others = { shadow: 0, enforce: 0 }
  #decisions = 0
  #rows = 0
  #first: number | undefined
  #last: number | undefined

  constructor(filter: Filter) {
    this.#filter = filter
  }

  add(entry: Entry): void {
    const { since, until, route, client: wanted, reason } = this.#filter
    const { time, clientId } = entry
    if ((since !== undefined && time < since) || (until !== undefined && time >= until)) return
    if (route !== undefined && entry.route !== route) return
    if (wanted !== undefined && clientId !== wanted) return
    this.#decisions += 1
    this.#first = Math.min(this.#first ?? time, time)
    this.#last = Math.max(this.#last ?? time, time)
    const counted = entry.reason !== undefined && (reason === undefined || entry.reason === reason)
    const client = this.#client(entry)
    if (client) client.total += 1
    if (!counted || entry.reason === undefined) return
    if (!client || !this.#count(client, entry, entry.reason)) this.#others[entry.mode] += 1
  }

  #client({ clientId, issuer, network }: Entry): Client | undefined {
    const key = clientId === undefined ? `n ${network}` : JSON.stringify([issuer, clientId])
    const known = this.#clients.get(key)
    if (known || this.#clients.size >= MAX_CLIENTS) return known
    const client = { total: 0, groups: new Map() }
    this.#clients.set(key, client)
    return client
  }

  #count({ groups }: Client, { time, clientId, issuer, network, route, mode }: Entry, reason: string): boolean {
    const key = JSON.stringify([route, reason, mode])
    const group = groups.get(key)
    if (group) {
      group.count += 1
      group.first = Math.min(group.first, time)
      group.last = Math.max(group.last, time)
      return true
    }
    if (groups.size >= MAX_ROWS_EACH || this.#rows >= MAX_ROWS) return false
    this.#rows += 1
    const [client, known] = [clientId ?? network, clientId !== undefined]
    groups.set(key, { client, known, issuer, route, reason, mode, count: 1, of: 0, first: time, last: time })
    return true
  }

  report(): Report {
    const rows = [...this.#clients.values()].flatMap(({ total, groups }) =>
      [...groups.values()].map((group): Row => ({ ...group, of: total })),
    )
    const rank = ({ mode }: Row): number => (mode === 'shadow' ? 0 : 1)
    return {
      decisions: this.#decisions,
      clients: this.#clients.size,
      first: this.#first,
      last: this.#last,
      rows: rows.toSorted((one, other) => rank(one) - rank(other) || other.count - one.count),
      others: { ...this.#others },
    }
  }
}
