import { writeElement } from '../../src/verify/x509/der-writer.ts'
import type { Chance } from './chance.ts'

/** Changes one DER structure, knowing where its elements begin half of the time. The result may be the same as before. */
export function mutateDer(der: Buffer, others: readonly Buffer[], chance: Chance): Buffer {
  let bytes = Buffer.from(der)
  for (let left = 1 + chance.below(3); left > 0; left -= 1) bytes = chance.pick(mutations)(bytes, others, chance)
  return bytes
}

type Change = (bytes: Buffer, others: readonly Buffer[], chance: Chance) => Buffer<ArrayBuffer>

/** Where an element begins and ends, as far as the octets there say so; any place when the walk is lost. */
function elementOf(bytes: Buffer, chance: Chance): readonly [start: number, from: number, to: number] {
  let [start, from, to] = [0, 0, bytes.length]
  for (let depth = chance.below(9); depth >= 0; depth -= 1) {
    const first = bytes[from + 1] ?? 0
    const octets = first < 0x80 ? 0 : (first - 0x80) % 3
    const length =
      octets === 0 ? first : bytes.subarray(from + 2).length >= octets ? bytes.readUIntBE(from + 2, octets) : 0
    start = from
    from += 2 + octets
    const end = Math.min(from + length, to)
    const constructed = ((bytes[start] ?? 0) & 0x20) !== 0
    // Into the element, or on to its neighbour.
    if (constructed && chance.coin(0.6)) to = end
    else if (end < to && depth > 0) from = end
    else return [start, Math.min(from, end), end]
  }
  return [start, Math.min(from, to), to]
}

const spliced = (bytes: Buffer, from: number, to: number, ...between: readonly Buffer[]) =>
  Buffer.concat([bytes.subarray(0, from), ...between, bytes.subarray(to)])

const mutations: readonly Change[] = [
  (bytes, _, chance) => {
    const at = chance.below(bytes.length)
    return spliced(bytes, at, at + 1, Buffer.of((bytes[at] ?? 0) ^ (1 << chance.below(8))))
  },
  (bytes, _, chance) => {
    const at = chance.below(bytes.length)
    return spliced(bytes, at, at + 1, Buffer.of(chance.pick([0, 1, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xff])))
  },
  (bytes, _, chance) => Buffer.from(bytes.subarray(0, chance.below(bytes.length + 1))),
  (bytes, _, chance) => Buffer.concat([bytes, Buffer.from(chance.text(20), 'latin1')]),
  (bytes, _, chance) => {
    const at = chance.below(bytes.length)
    return spliced(bytes, at, at + chance.below(9), Buffer.from(chance.text(8), 'latin1'))
  },
  (bytes, others, chance) => {
    const other = chance.pick(others)
    const at = chance.below(Math.min(bytes.length, other.length))
    return Buffer.concat([bytes.subarray(0, at), other.subarray(at)])
  },
  // An element goes, stands there twice, is of another type, or has other content; the lengths around it stay.
  (bytes, _, chance) => {
    const [start, , to] = elementOf(bytes, chance)
    return spliced(bytes, start, to)
  },
  (bytes, _, chance) => {
    const [start, , to] = elementOf(bytes, chance)
    return spliced(bytes, to, to, bytes.subarray(start, to))
  },
  (bytes, _, chance) => {
    const [start] = elementOf(bytes, chance)
    return spliced(bytes, start, start + 1, Buffer.of(chance.below(256)))
  },
  (bytes, _, chance) => {
    const [, from, to] = elementOf(bytes, chance)
    return spliced(bytes, from, to, Buffer.alloc(to - from, chance.below(256)))
  },
  // The parts of the outermost element, in other places and with a length that fits.
  (bytes, others, chance) => {
    const [mine, theirs] = [partsOf(bytes), partsOf(chance.pick(others))]
    return Buffer.from(
      writeElement(0x30, ...mine.map((part, index) => (chance.coin(0.5) ? part : (theirs[index] ?? part)))),
    )
  },
]

/** The elements in the outermost one; a long one for whatever cannot be parted. */
function partsOf(bytes: Buffer): readonly Buffer[] {
  const parts: Buffer[] = []
  for (let at = 4; at + 4 <= bytes.length && parts.length < 8; ) {
    const first = bytes.readUInt8(at + 1)
    const length =
      first < 0x80 ? 2 + first : first === 0x81 ? 3 + bytes.readUInt8(at + 2) : 4 + bytes.readUInt16BE(at + 2)
    parts.push(bytes.subarray(at, at + length))
    at += length
  }
  return parts
}
