import { type Command, Option } from 'commander'
import { stringify } from 'yaml'
import type { Config, RouteConfig } from '../config.ts'
import { auditNotes } from '../config-audit.ts'
import { certificateNotes } from '../config-certificates.ts'
import { clientCertificateNotes } from '../config-client-certificates.ts'
import { expandConfig } from '../config-expansion.ts'
import { jsonSchema } from '../config-json-schema.ts'
import { resourceMetadataNotes } from '../config-metadata-checks.ts'
import { nonceNotes } from '../config-nonces.ts'
import { denyListNotes } from '../config-revocation.ts'
import { looseScope } from '../config-route-checks.ts'
import { shadowNotes } from '../config-shadow.ts'
import { storeNotes } from '../config-stores.ts'
import { headerRules } from '../envoy-header-rules.ts'
import { metadataRoutes } from '../envoy-metadata-route.ts'
import type { PlaceOf } from '../explain/options.ts'
import { loadConfig } from '../io/config-file.ts'
import { checkRevocationFiles } from '../io/revocation-files.ts'
import { checkTrustFiles } from '../io/trust-files.ts'
import { checkPlatform, type Platform, platformNotes, platforms } from '../platform.ts'
import { publications } from '../resource-metadata.ts'
import { showRoutes } from './config-routes.ts'
import type { Terminal } from './main.ts'
import { spellProblems } from './problems.ts'

interface Json {
  readonly json?: boolean
  /** Only of `check`. */
  readonly platform?: Platform
  /** Only of `expand`. */
  readonly routes?: boolean
}

/** What a command prints of a configuration that is fine. */
type Show = (config: Config, options: Json, placeOf: PlaceOf) => string

/** `config check | expand | schema | headers | metadata`. */
export function registerConfig(program: Command, terminal: Terminal): void {
  const config = program
    .command('config')
    .description('check, expand and describe configurations')
    .addHelpText('after', '\nExample:\n  envoy-fapi config check envoy-fapi.yaml')
  const onFile = (name: string, description: string, show: Show): Command =>
    config
      .command(`${name} <file>`)
      .description(description)
      .option('--json', 'machine-readable output')
      .addHelpText('after', `\nExample:\n  envoy-fapi config ${name} envoy-fapi.yaml`)
      .action((file: string, options: Json) => withConfig(file, options, terminal, show))
  onFile('check', 'list every problem, or what each route demands', showCheck)
    .addOption(new Option('--platform <name>', 'refuse what cannot work there').choices(platforms))
    .addHelpText('after', '  envoy-fapi config check --platform envoy-gateway envoy-fapi.yaml')
  onFile('expand', 'print what defaults and pipelines expand to', (config, options, placeOf) =>
    options.routes ? showRoutes(config, placeOf, options.json === true) : showExpanded(config, options),
  )
    .option('--routes', 'only the policies of each route in the order they run, and where each is written')
    .addHelpText('after', '  envoy-fapi config expand --routes envoy-fapi.yaml')
  onFile('headers', "print the Envoy settings for this configuration's identity headers", showHeaders)
  onFile(
    'metadata',
    'print the metadata documents of the public origins (RFC 9728) and their Envoy routes',
    showMetadata,
  )
  config
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors')
    .option('--json', 'the schema is JSON either way')
    .addHelpText('after', '\nExample:\n  envoy-fapi config schema > envoy-fapi.schema.json')
    .action(() => terminal.out(`${JSON.stringify(jsonSchema(), undefined, 2)}\n`))
}

function withConfig(file: string, options: Json, terminal: Terminal, show: Show): void {
  const { platform } = options
  const loaded = loadConfig(file, terminal.environment, (config) => [
    ...(platform ? checkPlatform(config, platform) : []),
    ...checkRevocationFiles(config),
    ...checkTrustFiles(config),
  ])
  if (loaded.ok) {
    terminal.out(show(loaded.config, options, loaded.placeOf))
    return
  }
  if (options.json) terminal.out(`${JSON.stringify({ ok: false, problems: loaded.problems })}\n`)
  else terminal.err(spellProblems(loaded.problems))
  terminal.exit(2)
}

function showCheck(config: Config, { json, platform }: Json): string {
  const routes = config.routes.map(summarize)
  const notes = [
    ...(config.profile === 'compat' ? ['profile compat: this is not FAPI 2.0'] : []),
    ...config.routes
      .filter(({ kind }) => kind === 'open')
      .map(({ name }) => `route ${name} is open: nothing is checked`),
    ...config.routes.flatMap(({ name, exceptions }) =>
      exceptions.map((one) => `route ${name} makes an exception: ${one}`),
    ),
    ...shadowNotes(config, Date.now() / 1000),
    ...certificateNotes(config.clientCertificateFrom),
    ...clientCertificateNotes(config),
    ...nonceNotes(config),
    ...config.routes.flatMap((route) => {
      const loose = looseScope(route)
      return loose === undefined
        ? []
        : [`route ${route.name} takes any value of ${loose}: no part of ${route.path} is compared with it`]
    }),
    ...(config.listen.insecureCheck ? ['listen.insecureCheck: whoever reaches the Check port may ask it'] : []),
    ...storeNotes(config),
    ...denyListNotes(config),
    ...resourceMetadataNotes(config),
    ...auditNotes(config),
    ...(platform ? platformNotes(config, platform) : []),
  ]
  if (json) return `${JSON.stringify({ ok: true, profile: config.profile, routes, notes })}\n`
  const width = Math.max(...routes.map(({ name }) => name.length))
  const lines = routes.map(
    ({ name, kind, methods, path, policies }) =>
      `${name.padEnd(width)}  ${kind.padEnd(8)}  ${methods.join(',')} ${path}  ${policies.join(' → ') || '–'}\n`,
  )
  return `${lines.join('')}${notes.map((note) => `note: ${note}\n`).join('')}fine: ${routes.length} ${routes.length === 1 ? 'route' : 'routes'}, profile ${config.profile}\n`
}

const summarize = ({ name, kind, methods, path, policies }: RouteConfig) => ({
  name,
  kind,
  methods,
  path,
  policies: policies.map((policy) => policy.name),
})

function showExpanded(config: Config, { json }: Json): string {
  const expanded = expandConfig(config)
  if (json) return `${JSON.stringify(expanded)}\n`
  return `# A configuration that says the same, with everything written out.\n${stringify(expanded, { aliasDuplicateObjects: false, lineWidth: 0 })}`
}

function showHeaders(config: Config, { json }: Json): string {
  const rules = headerRules(config)
  if (json) return `${JSON.stringify(rules)}\n`
  const listed = {
    decoder_header_mutation_rules: {
      disallow_all: true,
      allow_expression: { regex: rules.allowExpression },
      disallow_is_error: true,
    },
    early_header_mutation: { remove_on_match: { key_matcher: { safe_regex: { regex: rules.earlyStrip } } } },
  }
  return `# For the ext_authz filter and the early header mutation in front of it.\n${stringify(listed, { lineWidth: 0 })}`
}

function showMetadata(config: Config, { json }: Json): string {
  const published = publications(config)
  const rules = metadataRoutes(published)
  if (json)
    return `${JSON.stringify({ documents: published.map(({ url, document }) => ({ url, document })), ...rules })}\n`
  if (published.length === 0) return '# Nothing is published: the configuration has no resourceMetadata.\n'
  const places = published.map(({ url }) => `# ${url}\n`)
  return `# Routes that answer for these, before all others of their virtual host.\n${places.join('')}${stringify(rules, { lineWidth: 0 })}`
}
