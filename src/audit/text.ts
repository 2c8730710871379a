/** Characters of any one text a client can influence. */
const MAX_TEXT = 256

/** A text as far as a line can hold it, without what looks like a token. */
export function clip(text: string | undefined, most = MAX_TEXT): string | undefined {
  if (text === undefined) return undefined
  // Cut before it is searched: the client decides how long it is.
  const shown = text.slice(0, 2 * most).replaceAll(JWT, '***')
  return shown.length <= most && text.length <= 2 * most ? shown : `${shown.slice(0, most)}…`
}

/** A compact JWS or JWE, or what is left of one: they begin with `{"`. A client may put its token into the path. */
const JWT = /eyJ[\w-]{8,}(?:\.[\w-]*)*/g
