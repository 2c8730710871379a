import { randomInt } from 'node:crypto'

/** A set of SHA-256 digests. What is in it stays in it; a digest that is not 43 characters of base64url throws. */
export interface DigestSet {
  has(digest: string): boolean
  /** Whether it was new. */
  add(digest: string): boolean
  readonly size: number
}

/** 32-bit words of a digest. */
const WORDS = 8
/** Each grows on its own, so that no insertion has to move more than its share of the whole. */
const PARTITIONS = 256
const SMALLEST = 4
/** How full a partition gets, and how much larger the next one is: together 50 bytes a digest at the most, about 45. */
const FULL = 0.8
const GROWTH = 1.25
const UINT32 = 2 ** 32

/** Unknown outside: a client chooses its jti, and must not be able to choose where the digest of it goes. */
const seed = randomInt(UINT32)
const factor = randomInt(UINT32) | 1

const bytes = Buffer.alloc(WORDS * 4)
const wanted = new Uint32Array(bytes.buffer, bytes.byteOffset, WORDS)

/**
 * Digests as 32 bytes each outside the heap, in open addressing. A Set of strings takes five times as much, and stalls
 * the event loop whenever it grows.
 */
export function buildDigestSet(): DigestSet {
  const partitions: (Partition | undefined)[] = new Array(PARTITIONS).fill(undefined)
  let size = 0
  return {
    has(digest) {
      const place = locate(digest)
      const partition = partitions[place % PARTITIONS]
      return partition !== undefined && find(partition.words, place) < 0
    },
    add(digest) {
      const place = locate(digest)
      const partition = roomy(partitions[place % PARTITIONS])
      partitions[place % PARTITIONS] = partition
      const slot = find(partition.words, place)
      if (slot < 0) return false
      partition.words.set(wanted, slot)
      partition.size += 1
      size += 1
      return true
    },
    get size() {
      return size
    },
  }
}

interface Partition {
  /** Slots of eight words; a slot of zeros is free, because no SHA-256 digest is known to be zero. */
  readonly words: Uint32Array
  size: number
}

/** Puts the digest into `wanted` and says where to look for it, as 32 bits. */
function locate(digest: string): number {
  if (digest.length !== 43 || bytes.write(digest, 'base64url') !== bytes.length) throw new Error('not a digest')
  return spread(wanted[0] ?? 0, wanted[1] ?? 0)
}

function spread(first: number, second: number): number {
  const mixed = Math.imul((first ^ seed) >>> 0, factor) ^ second
  return Math.imul(mixed ^ (mixed >>> 15), factor) >>> 0
}

/** Offset of the free slot where `wanted` belongs, or −1 when it is there already. */
function find(words: Uint32Array, place: number): number {
  // The lowest bits chose the partition; the highest choose the slot.
  const slots = words.length / WORDS
  let slot = Math.floor((place / UINT32) * slots)
  for (;;) {
    const offset = slot * WORDS
    if (isFree(words, offset)) return offset
    if (holds(words, offset)) return -1
    slot = slot + 1 === slots ? 0 : slot + 1
  }
}

function isFree(words: Uint32Array, offset: number): boolean {
  for (let word = 0; word < WORDS; word += 1) if (words[offset + word] !== 0) return false
  return true
}

function holds(words: Uint32Array, offset: number): boolean {
  for (let word = 0; word < WORDS; word += 1) if (words[offset + word] !== wanted[word]) return false
  return true
}

/** The same partition, or a larger copy when one more would fill it too much. `wanted` stays as it is. */
function roomy(partition: Partition | undefined): Partition {
  if (!partition) return { words: new Uint32Array(SMALLEST * WORDS), size: 0 }
  const slots = partition.words.length / WORDS
  if (partition.size + 1 <= slots * FULL) return partition
  const words = new Uint32Array(Math.ceil(slots * GROWTH + 1) * WORDS)
  for (let offset = 0; offset < partition.words.length; offset += WORDS) {
    if (!isFree(partition.words, offset)) move(partition.words, offset, words)
  }
  return { words, size: partition.size }
}

function move(from: Uint32Array, offset: number, to: Uint32Array): void {
  const slots = to.length / WORDS
  const place = spread(from[offset] ?? 0, from[offset + 1] ?? 0)
  let slot = Math.floor((place / UINT32) * slots)
  while (!isFree(to, slot * WORDS)) slot = slot + 1 === slots ? 0 : slot + 1
  to.set(from.subarray(offset, offset + WORDS), slot * WORDS)
}
