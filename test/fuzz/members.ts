import type { Draft, Mutation } from './draft.ts'

/** The moment every token and proof is judged in. */
export const ISSUED = 1_800_000_000

/** Gives one member one of these values. */
export const set = (
  effect: Mutation['effect'],
  half: 'token' | 'proof',
  part: 'header' | 'claims',
  name: string,
  values: readonly unknown[],
  fits: (draft: Draft) => boolean = () => true,
): Mutation => ({
  name: `${half} ${name}`,
  effect,
  fits: (draft) => (half === 'token' || draft.kind !== 'mtls') && fits(draft),
  apply: (draft, chance) => {
    if (name === 'ath') draft.ath = undefined
    draft[half][part][name] = values[chance.below(values.length)]
  },
})

/** What hardly any member may be; undefined leaves it out. */
export const odd = [null, 0, true, [], {}, '', undefined]
