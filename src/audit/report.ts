import type { AuditKey } from './verify-record.ts'

/** Where something stands. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly run?: string
  readonly seq?: number
}

/** What can be wrong with a line, or with what should stand there. */
export type Trouble = 'edited' | 'removed' | 'reordered' | 'inserted' | 'signature' | 'key' | 'head'

export interface AuditFinding extends Place {
  readonly kind: Trouble
  readonly message: string
}

/** One process's records, as far as the files hold them. */
export interface AuditRun {
  readonly run: string
  readonly first: number
  last: number
  closed: boolean
  /** The key the run says it is signed with. */
  readonly key: AuditKey | undefined
  /** Number of the last record that a good signature covers, with nothing wrong before it. */
  proven: number | undefined
}

/** What came of a verification. */
export interface AuditReport {
  readonly records: number
  /** Decisions that were denied without a record, as the records tell. */
  readonly dropped: number
  /** The last of them, when there are too many. */
  readonly runs: readonly AuditRun[]
  /** In the order of the lines: the first is the first bad position, later ones may be its consequences. */
  readonly findings: readonly AuditFinding[]
  /** What proves nothing wrong and is worth knowing. */
  readonly notes: readonly string[]
  /** The last record, as `SEQ:HASH`. */
  readonly head: string | undefined
}

/** Findings, notes and runs that are kept; a hostile file may hold any number. */
const MOST = 100
/** Names of runs that are kept, to see that none comes twice: one a day for centuries. */
const MOST_NAMES = 100_000

/** What is found along the way. */
export class Findings {
  readonly notes: string[] = []
  readonly #files: string[] = []
  readonly #list: AuditFinding[] = []

  /** How many there were, kept or not. */
  #count = 0

  get count(): number {
    return this.#count
  }

  file(name: string): void {
    this.#files.push(name)
  }

  add(kind: Trouble, message: string, { file, line, run, seq }: Place): AuditFinding | undefined {
    this.#count += 1
    if (this.#list.length >= MOST) return undefined
    const finding = { kind, file, line, ...(run !== undefined && { run }), ...(seq !== undefined && { seq }), message }
    this.#list.push(finding)
    return finding
  }

  /** Puts another finding in the place of one, when more is known. */
  replace(old: AuditFinding, finding: AuditFinding): void {
    const index = this.#list.indexOf(old)
    if (index >= 0) this.#list[index] = finding
  }

  note(text: string): void {
    if (this.notes.length < MOST) this.notes.push(text)
  }

  inOrder(): readonly AuditFinding[] {
    const order = ({ file }: Place): number => this.#files.indexOf(file)
    return this.#list.toSorted((one, other) => order(one) - order(other) || one.line - other.line)
  }
}

/** The runs met so far, the current one last. */
export class Runs {
  readonly #runs: AuditRun[] = []
  readonly #names = new Set<string>()

  get list(): readonly AuditRun[] {
    return this.#runs
  }

  get current(): AuditRun | undefined {
    return this.#runs.at(-1)
  }

  /** Says whether it is the first time that this run begins, as far back as names are kept. */
  begin(run: AuditRun): boolean {
    const known = this.#names.has(run.run)
    if (this.#names.size < MOST_NAMES) this.#names.add(run.run)
    if (this.#runs.length >= MOST) this.#runs.shift()
    this.#runs.push(run)
    return !known
  }
}
