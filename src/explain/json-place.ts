import { type Reading, unreadable } from '../verify/reading.ts'
import { type JsonObject, readJsonObject } from '../verify/strict-json.ts'

/** Levels, and members and elements in total, of a captured file. */
const limits = { depth: 64, members: 400_000 }

/** One JSON object, read strictly; what is wrong with its text is told with line and column. Never throws. */
export function readPlacedJson(bytes: Uint8Array): Reading<JsonObject> {
  // Exporters on some systems put a byte-order mark in front.
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  const plain = marked ? bytes.subarray(3) : bytes
  const text = Buffer.from(plain.buffer, plain.byteOffset, plain.length).toString('utf8')
  const flaw = firstFlaw(text)
  if (flaw !== undefined) return unreadable(`${spellOffset(text, flaw)}: it is not JSON`)
  return readJsonObject(plain, limits)
}

/** `line 3, column 7`, counted from 1. */
function spellOffset(text: string, offset: number): string {
  const before = text.slice(0, offset)
  const start = before.lastIndexOf('\n') + 1
  let line = 1
  for (let at = before.indexOf('\n'); at >= 0; at = before.indexOf('\n', at + 1)) line += 1
  return `line ${line}, column ${offset - start + 1}`
}

type Expected = 'value' | 'item or end' | 'name' | 'name or end' | 'colon' | 'comma or end' | 'nothing'

/**
 * Where a text stops being JSON (RFC 8259); undefined when it is JSON. The parser of the platform tells only sometimes,
 * and quotes what it read, which may be a secret.
 */
function firstFlaw(text: string): number | undefined {
  const open: string[] = []
  let expected: Expected = 'value'
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : 'comma or end')
  for (let at = skipBlanks(text, 0); at < text.length; ) {
    const character = text[at] ?? ''
    let end = at + 1
    if (expected === 'nothing') return at
    if (expected === 'colon') {
      if (character !== ':') return at
      expected = 'value'
    } else if (expected === 'comma or end' && character === ',') expected = open.at(-1) === '{' ? 'name' : 'value'
    else if (closes(character, expected, open.at(-1))) {
      open.pop()
      expected = afterValue()
    } else if (expected === 'comma or end') return at
    else if (expected === 'name' || expected === 'name or end') {
      end = character === '"' ? endOfString(text, at) : -1
      if (end < 0) return at
      expected = 'colon'
    } else if (character === '{' || character === '[') {
      open.push(character)
      expected = character === '{' ? 'name or end' : 'item or end'
    } else {
      end = character === '"' ? endOfString(text, at) : endOfLiteral(text, at)
      if (end < 0) return at
      expected = afterValue()
    }
    at = skipBlanks(text, end)
  }
  return expected === 'nothing' ? undefined : text.length
}

function closes(character: string, expected: Expected, open: string | undefined): boolean {
  if (character === '}') return open === '{' && (expected === 'name or end' || expected === 'comma or end')
  return character === ']' && open === '[' && (expected === 'item or end' || expected === 'comma or end')
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\r\n'.includes(text[at] ?? 'x')) at += 1
  return at
}

/** Behind the closing quote; -1 when the string is none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    if (character === 0x22) return at + 1
    if (character < 0x20) return -1
    if (character !== 0x5c) continue
    ESCAPE.lastIndex = at
    const [sequence] = ESCAPE.exec(text) ?? []
    if (sequence === undefined) return -1
    at += sequence.length - 1
  }
  return -1
}

function endOfLiteral(text: string, start: number): number {
  LITERAL.lastIndex = start
  const [literal] = LITERAL.exec(text) ?? []
  return literal === undefined ? -1 : start + literal.length
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const LITERAL = /(?:true|false|null|-?(?:0|[1-9][0-9]{0,400})(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,4})?)(?![\w.+-])/y
