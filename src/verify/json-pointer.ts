import { isObject, own } from './strict-json.ts'

/** RFC 6901, with a slash at the least: the whole document is no value to compare. Each `~` is `~0` or `~1`. */
export const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/

/** Characters of a pointer at the most. */
export const MAX_POINTER = 256

/** The names a pointer goes through; the text has the form of one. */
export const pointerNames = (pointer: string): readonly string[] =>
  pointer
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))

/** The value a pointer leads to, through own members and elements alone; undefined when there is none. */
export function valueAt(document: unknown, names: readonly string[]): unknown {
  let value = document
  for (const name of names) {
    if (Array.isArray(value)) value = INDEX.test(name) ? value[Number(name)] : undefined
    else if (isObject(value)) value = own(value, name)
    else return undefined
  }
  return value
}

/** RFC 6901 section 4: no leading zeros, and no `-`, which names an element that is not there. */
const INDEX = /^(?:0|[1-9][0-9]{0,5})$/
