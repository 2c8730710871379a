import type { Publication } from './resource-metadata.ts'

/** What Envoy gives out directly unless a route configuration allows more, bytes. */
const ENVOY_LIMIT = 4096

/** How long clients and caches may keep the document, seconds. */
const MAX_AGE = 300

/** The document as it goes out. */
const documentText = ({ document }: Publication): string => `${JSON.stringify(document, undefined, 2)}\n`

/**
 * Routes that answer with the documents, for the front of every virtual host of the public origins. No upstream is
 * reached and nobody is asked, so metadata can also be had while the service is down.
 */
export function metadataRoutes(published: readonly Publication[]) {
  const largest = Math.max(0, ...published.map((one) => Buffer.byteLength(documentText(one))))
  return {
    // A setting of the route configuration; only where a document needs it.
    ...(largest > ENVOY_LIMIT && { max_direct_response_body_size_bytes: largest }),
    routes: published.map(routeFor),
  }
}

function routeFor(publication: Publication) {
  const { url, origin } = publication
  return {
    match: {
      path: url.slice(origin.origin.length),
      headers: [match(':method', 'GET|HEAD'), match(':authority', `(?i)(${origin.authorities.map(spell).join('|')})`)],
    },
    direct_response: { status: 200, body: { inline_string: documentText(publication) } },
    response_headers_to_add: [
      overwrite('content-type', 'application/json'),
      overwrite('cache-control', `max-age=${MAX_AGE}`),
    ],
    typed_per_filter_config: {
      'envoy.filters.http.ext_authz': {
        '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
        disabled: true,
      },
      // The second lock lets nothing pass that the service did not let in; without rules it is off.
      'fapi.require_decision': { '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute' },
    },
  }
}

const match = (name: string, regex: string) => ({ name, string_match: { safe_regex: { regex } } })

/** A host and port as an expression; a host without port also with the default one. */
const spell = (authority: string): string =>
  authority.replaceAll(/[^a-z0-9:-]/g, String.raw`\$&`) + (/:[0-9]+$/.test(authority) ? '' : '(:443)?')

const overwrite = (key: string, value: string) => ({
  header: { key, value },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
})
