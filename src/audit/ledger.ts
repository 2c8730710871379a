import { chain, encodeNotice, type Link, type Notice, type Position, type Sign } from './chain.ts'

/** Whose records these are. */
export interface Author {
  readonly run: string
  readonly version: string
  /** Hash of the configuration at the start. */
  readonly config: string
  readonly key?: { readonly sign: Sign; readonly public: object } | undefined
}

/** A record before it has a place in the chain. */
export interface Entry {
  /** Made as late as it is placed, where it has to name another one's place. */
  readonly record: string | (() => string)
  readonly signed: boolean
}

/** What is put before the next record: the beginning of a run, or of a file in which a run goes on. */
export type Heading = 'opened' | 'continued'

/** Lines that have not been written. */
export interface Plan {
  readonly links: readonly Link[]
  readonly place: (entry: Entry) => Link
}

/** Where a run's chain has come to. Lines are planned, and count once they are written. */
export class Ledger {
  readonly #author: Author
  #position: Position

  constructor(author: Author, after: string | undefined) {
    this.#author = author
    this.#position = { run: author.run, seq: 0, hash: after }
  }

  get position(): Position {
    return this.#position
  }

  /** Plans lines behind the last one, a heading first. Nothing has changed until `commit`. */
  plan(heading?: { readonly kind: Heading; readonly time: string; readonly torn: number }): Plan {
    const links: Link[] = []
    let at = this.#position
    const add = (record: string, signed: boolean): Link => {
      const link = chain(at, record, signed ? this.#author.key?.sign : undefined)
      at = link.position
      links.push(link)
      return link
    }
    if (heading) add(encodeNotice(heading.time, this.#head(heading.kind), heading.torn), false)
    const text = ({ record }: Entry): string => (typeof record === 'string' ? record : record())
    return { links, place: (entry) => add(text(entry), entry.signed) }
  }

  commit({ position }: Link): void {
    this.#position = position
  }

  #head(kind: Heading): Notice {
    const { version, config, key } = this.#author
    const shown = key && { key: key.public }
    return kind === 'opened' ? { msg: 'audit opened', version, config, ...shown } : { msg: 'audit continued', ...shown }
  }
}
