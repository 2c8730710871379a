/** What a strict reader makes of untrusted input: a value, or one plain sentence that says what is wrong with it. */
export type Reading<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string }

export const read = <T>(value: T): Reading<T> => ({ ok: true, value })
export const unreadable = (problem: string): { readonly ok: false; readonly problem: string } => ({
  ok: false,
  problem,
})
