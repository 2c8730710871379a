/** One DER element, its length in the shortest form (X.690 section 10.1). What it holds is ours, so nothing of it is checked. */
export function writeElement(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(length)
  const digits = size.subarray(size.findIndex((octet) => octet !== 0))
  return Buffer.concat([Buffer.of(tag, 0x80 + digits.length), digits, content])
}
