import type { AuditDisk, AuditHandle, FileEnd } from './audit-disk.ts'
import { readEnd } from './audit-disk.ts'

/** When a file is set aside, and how many of those are kept; undefined: all. */
export interface Rotation {
  readonly maxBytes: number
  readonly keep?: number | undefined
}

/** What has to be known before something is written. */
export interface Footing {
  /** The file is another one than the last record went to, or was emptied. */
  readonly fresh: boolean
  /** How the file ended that the last write went to, when that is not certain. */
  readonly end: FileEnd | undefined
  /** The file ends within a line. */
  readonly midLine: boolean
}

/** The file the records go to. It may be renamed, emptied or removed at any time: what is there now is looked at before each write. */
export class AuditFile {
  readonly #disk: AuditDisk
  readonly #path: string
  readonly #rotation: Rotation | undefined
  #handle: AuditHandle | undefined
  #id = ''
  #size = 0
  /** The last write did not end well. */
  #uncertain = false
  #leave = false

  constructor(disk: AuditDisk, path: string, rotation: Rotation | undefined) {
    this.#disk = disk
    this.#path = path
    this.#rotation = rotation
  }

  /** Opens the file of today, whatever was open before. */
  async open(): Promise<FileEnd> {
    const handle = await this.#disk.open(this.#path)
    try {
      const { id, size } = await handle.state()
      const end = await readEnd(handle)
      // Only now: until then it has to be known what became of the last write to the old one.
      await this.#handle?.close().catch(() => {})
      this.#handle = handle
      this.#id = id
      this.#size = size
      this.#uncertain = false
      this.#leave = false
      return end
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
  }

  /** From now on the file of that name, also when it looks the same. */
  leave(): void {
    this.#leave = true
  }

  /** Finds out where the next `bytes` bytes will stand. */
  async settle(bytes: number): Promise<Footing> {
    const end = this.#handle && this.#uncertain ? await readEnd(this.#handle) : undefined
    const there = await this.#disk.look(this.#path)
    if (!this.#handle || there?.id !== this.#id || this.#leave) return { ...(await this.#change(there?.id)), end }
    const emptied = there.size < this.#size
    const foreign = there.size > this.#size && !this.#uncertain
    this.#size = there.size
    if (this.#rotation && there.size > 0 && there.size + bytes > this.#rotation.maxBytes) {
      await this.#setAside(this.#rotation)
      return { ...(await this.#change(undefined)), end }
    }
    this.#uncertain = false
    const midLine = emptied || foreign ? (await readEnd(this.#handle)).midLine : end?.midLine === true
    return { fresh: emptied, end, midLine }
  }

  async append(bytes: Uint8Array, durable: boolean): Promise<void> {
    const handle = this.#handle
    if (!handle) throw new Error('the audit file is not open')
    this.#uncertain = true
    for (let done = 0; done < bytes.length; ) {
      const taken = await handle.append(bytes.subarray(done))
      if (taken === 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' })
      done += taken
    }
    if (durable) await handle.sync()
    this.#size += bytes.length
    this.#uncertain = false
  }

  async close(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #change(found: string | undefined): Promise<Omit<Footing, 'end'>> {
    const same = found !== undefined && found === this.#id
    const { midLine } = await this.open()
    return { fresh: !same, midLine }
  }

  /** Under the time of day, so that the names sort as the records do. */
  async #setAside({ keep }: Rotation): Promise<void> {
    const aside = (await this.#disk.beside(this.#path)).filter((name) => STAMP.test(name))
    const newest = STAMP.exec(aside.at(-1) ?? '')
      ?.slice(1)
      .map(Number)
    await this.#disk.rename(this.#path, `${this.#path}.${stampAfter(newest)}`)
    if (keep === undefined) return
    // One that cannot be removed is no reason to deny anything.
    for (const name of aside.slice(0, Math.max(0, aside.length + 1 - keep)))
      await this.#disk.remove(name).catch(() => {})
  }
}

const STAMP = /\.([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})\.([0-9]{3})Z$/

/** Now, but later than the newest name there is: clocks are set back. */
function stampAfter(newest: readonly number[] | undefined): string {
  const [year = 0, month = 1, day, hour, minute, second, millisecond] = newest ?? []
  const after = newest ? Date.UTC(year, month - 1, day, hour, minute, second, millisecond) + 1 : 0
  return new Date(Math.max(Date.now(), after)).toISOString().replaceAll(/[-:]/g, '')
}
