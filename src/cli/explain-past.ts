import { type Explanation, explain, type Facts, type Setting } from '../explain/explanation.ts'
import { factsOfLine, searchDecision } from '../explain/log-facts.ts'
import { hideSecrets } from '../explain/secrets.ts'
import { printable } from '../explain/values.ts'
import { askAdmin } from '../io/admin-client.ts'
import { readLines } from '../io/lines.ts'
import { own } from '../verify/strict-json.ts'
import type { ExplainOptions } from './explain.ts'
import { refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'

/** Bytes of a line; the service writes shorter ones. */
const MAX_LINE = 65_536

/** What the log or the audit says of one decision. */
export async function explainLogged(
  id: string,
  { log }: ExplainOptions,
  setting: Setting | undefined,
  terminal: Terminal,
): Promise<Explanation | undefined> {
  if (!/^[\x21-\x7e]{1,256}$/.test(id)) return refuseUsage(terminal, '--from-log: this is no id')
  const to = setting?.config.audit.to ?? 'stdout'
  const file = log ?? (to === 'stdout' ? '/dev/stdin' : to.file)
  const search = searchDecision(id)
  let [lines, skipped] = [0, 0]
  try {
    for await (const { text } of readLines(file, MAX_LINE)) {
      lines += 1
      if (text === undefined) skipped += 1
      else search.take(text)
    }
  } catch (error) {
    const { code = 'no code' } = error as NodeJS.ErrnoException
    return refuseUsage(
      terminal,
      `${file}: ${code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`}`,
    )
  }
  const { facts, count } = search.result()
  if (!facts) return refuseUsage(terminal, `${file}: none of ${lines} lines is a decision with the id ${id}`)
  return explainFacts(facts, setting, [
    ...(count > 1 ? [`${count} decisions have this id; this is the last of them`] : []),
    ...(skipped > 0 ? [`${skipped} lines were too long to be of the service and were left out`] : []),
  ])
}

const explainFacts = (facts: Facts, setting: Setting | undefined, notes: readonly string[]): Explanation =>
  hideSecrets(
    explain(facts, setting, [
      ...notes,
      ...(facts.entries ? [] : ['single checks are written to the log with log: { level: debug } alone']),
      ...(setting ? [] : ['with --config FILE it also says which options decided']),
    ]),
    [],
  )

/** The last decision that the running service keeps, or the one with an id. */
export async function explainLast(
  { admin, config }: ExplainOptions,
  setting: Setting | undefined,
  terminal: Terminal,
): Promise<Explanation | undefined> {
  if (admin === undefined && setting === undefined)
    return refuseUsage(terminal, '--last needs --config FILE, or --admin URL')
  const listen = setting?.config.listen
  const base = admin ?? (listen?.admin.startsWith('unix:') ? listen.admin : `http://${listen?.admin}`)
  const token = terminal.environment.ENVOY_FAPI_ADMIN_TOKEN ?? listen?.adminAccess?.tokens[0]
  if (token === undefined)
    return refuseUsage(
      terminal,
      `--last needs a token: listen.adminAccess in ${config ?? 'a configuration'}, or ENVOY_FAPI_ADMIN_TOKEN`,
    )
  const answer = await askAdmin(base, '/decisions?last=1', token)
  if (!answer.ok) return refuseUsage(terminal, `${base}: ${printable(answer.problem)}`)
  const decisions = own(answer.value, 'decisions')
  const facts = Array.isArray(decisions) ? factsOfLine(decisions.at(-1)) : undefined
  return facts ? explainFacts(facts, setting, []) : refuseUsage(terminal, `${base}: it has decided nothing yet`)
}
