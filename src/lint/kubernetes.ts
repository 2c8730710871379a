import type { Rule } from './rule.ts'
import { at, inside, textOf } from './spot.ts'

/** What any Kubernetes object may show. */
export const kubernetesRules: readonly Rule[] = [
  {
    id: 'KL-01',
    severity: 'error',
    title: 'an Envoy that appends to identity headers',
    why: 'Envoy 1.37.0 adds our identity headers to what the client sent, in place of overwriting it.',
    fix: 'another version; tested with 1.40.0',
    find: ({ objects }) =>
      objects
        .flatMap((object) => inside(object))
        .map((spot) => at(spot, 'image'))
        .filter((image) => /envoy[^:@]*:(?:[\w-]*-)?v?1\.37\.0\b/i.test(textOf(image))),
  },
]
