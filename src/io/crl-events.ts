/** What becomes of revocation lists. `source`: the file, or the URL without its query. */
export type CrlEvent =
  | {
      readonly kind: 'loaded'
      readonly source: string
      readonly lists: number
      readonly entries: number
      readonly bytes: number
      readonly until: number
    }
  /** It came, and is not believed. What was there before serves on. */
  | { readonly kind: 'refused'; readonly source: string; readonly problem: string }
  /** It could not be had. */
  | { readonly kind: 'failed'; readonly source: string; readonly problem: string }
  /** A request found a list that counts no longer. */
  | { readonly kind: 'stale'; readonly source: string }
  /** Not fetched, because there is too much to do. */
  | { readonly kind: 'busy'; readonly source: string }
  /** A request waited in vain; the fetch goes on without it. */
  | { readonly kind: 'late' }
  | { readonly kind: 'closed' }
