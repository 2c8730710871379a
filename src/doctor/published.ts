import { isDeepStrictEqual } from 'node:util'
import { own, readJsonObject } from '../verify/strict-json.ts'
import { type Finding, finding, fine } from './findings.ts'

/** Metadata of a public origin as they should be found, and where. */
export interface Published {
  readonly url: string
  readonly document: object
}

/** What came back from there; `error` when nothing did. */
export interface Document {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: Uint8Array
  readonly error?: string
}

/** PRM-02, PRM-03: clients are told what is enforced, in a form they take. */
export function judgePublished({ document }: Published, seen: Document): Finding {
  const tried = 'the metadata of the resource'
  const other = (found: string): Finding => finding('DT-15', tried, found)
  if (seen.error !== undefined) return other(`no answer (${seen.error})`)
  if (seen.status !== 200) return other(`answered ${seen.status}`)
  if (!/^application\/json(?: *;|$)/i.test(seen.contentType ?? '')) return other('not of type application/json')
  const told = readJsonObject(seen.body, { members: 2000, depth: 8 })
  if (!told.ok) return other(told.problem)
  const wanted: Readonly<Record<string, unknown>> = { ...document }
  const names = new Set([...Object.keys(wanted), ...Object.keys(told.value)])
  const different = [...names].filter((name) => !isDeepStrictEqual(plain(own(told.value, name)), plain(wanted[name])))
  return different.length === 0 ? fine(tried, 'as configured') : other(`another ${different.slice(0, 5).join(', ')}`)
}

/** Arrays and objects of any prototype, compared by what they hold. */
const plain = (value: unknown): unknown => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)))
