import type { Config } from './config.ts'
import type { Problem } from './problems.ts'
import { publications, refusingServers } from './resource-metadata.ts'

/** Metadata that nobody could follow are not published. */
export function checkResourceMetadata(config: Config): readonly Problem[] {
  if (!config.resourceMetadata || publications(config).length > 0) return []
  return [
    { path: ['resourceMetadata'], message: 'there is nothing to tell: no route of a public origin wants a token' },
  ]
}

/** Said by `config check`: what has to happen elsewhere, so that clients get along with what they are told. */
export const resourceMetadataNotes = (config: Config): readonly string[] =>
  publications(config).flatMap(({ url, document: { resource }, origin }) => [
    `${url} is for Envoy to answer; config metadata prints the route`,
    ...(origin.pathPrefix === ''
      ? []
      : [`${url} does not begin with ${resource}: what stands before this Envoy has to send it here as it is`]),
    ...refusingServers(origin, config).map(
      ({ name }) => `a token that ${name} gives for ${resource} has to name one of its audiences here`,
    ),
  ])
