import type { Config } from '../config.ts'
import { answers } from '../denial.ts'
import { nearest, type Problem } from '../problems.ts'
import { typeOf } from '../verify/x509/attribute-types.ts'
import { type Cases, clientNames, type Expectation, type TestCase } from './cases-schema.ts'

type Path = Problem['path']

/** What the schema alone cannot see: names that lead nowhere, and cases that can only end in one way. */
export function checkCases(cases: Cases, config: Config): readonly Problem[] {
  const problems: Problem[] = []
  const known = {
    clients: clientNames(cases),
    servers: config.authorizationServers.map(({ name }) => name),
    routes: config.routes.map(({ name }) => name),
  }
  for (const reserved of Object.keys(cases.clients).filter((name) => name === 'none' || name === 'another'))
    problems.push({
      path: ['clients', reserved],
      message: `"${reserved}" means something else here; take another name`,
    })
  for (const [client, { certificate }] of Object.entries(cases.clients))
    for (const attribute of Object.keys(certificate.subject).filter((name) => typeOf(name) === undefined))
      problems.push({
        path: ['clients', client, 'certificate', 'subject', attribute],
        message: `${JSON.stringify(attribute)} is no attribute that is known here; write its dotted OID`,
      })
  const seen = new Set<string>()
  for (const [index, one] of cases.cases.entries()) {
    const at = ['cases', index]
    if (seen.has(one.name))
      problems.push({ path: [...at, 'name'], message: `the name ${JSON.stringify(one.name)} stands twice` })
    seen.add(one.name)
    problems.push(...checkCase(one, at, known))
  }
  return problems
}

interface Known {
  readonly clients: readonly string[]
  readonly servers: readonly string[]
  readonly routes: readonly string[]
}

type Send = Pick<TestCase, 'client' | 'certificate' | 'token' | 'proof' | 'request'>

function checkCase(one: TestCase, at: Path, known: Known): readonly Problem[] {
  const { steps } = one
  const problems = [...checkNames(one, at, known), ...(one.expect ? checkExpectation(one.expect, at, known) : [])]
  // The first request has nothing before it, whether it says `again` itself or the case does.
  problems.push(...checkFirst(one, at))
  if (!steps) return one.request === undefined ? [...problems, missing([...at, 'request'])] : problems
  for (const [index, step] of steps.entries()) {
    const place = [...at, 'steps', index]
    problems.push(...checkNames(step, place, known), ...checkExpectation(step.expect, place, known))
    if (index === 0) problems.push(...checkFirst(step, place))
    if ((step.request ?? one.request) === undefined) problems.push(missing([...place, 'request']))
  }
  return problems
}

const missing = (path: Path): Problem => ({ path, message: 'request is required, here or on the case' })

const checkFirst = (send: Send, at: Path): readonly Problem[] =>
  (['token', 'proof'] as const)
    .filter((key) => send[key] === 'again')
    .map((key) => ({ path: [...at, key], message: 'there is no request before this one to take it from' }))

function checkNames({ client, certificate, token, proof }: Send, at: Path, known: Known): readonly Problem[] {
  const { clients, servers } = known
  const server = typeof token === 'object' ? token.server : undefined
  const owner = typeof token === 'object' ? token.client : undefined
  const key = typeof proof === 'object' ? proof.key : undefined
  return [
    ...unknown('client', client, clients, [...at, 'client']),
    ...unknown('client', certificate, [...clients, 'none', 'another'], [...at, 'certificate']),
    ...unknown('authorization server', server, servers, [...at, 'token', 'server']),
    ...unknown('client', owner, clients, [...at, 'token', 'client']),
    ...unknown('client', key, [...clients, 'another'], [...at, 'proof', 'key']),
  ]
}

function unknown(kind: string, name: string | undefined, known: readonly string[], path: Path): readonly Problem[] {
  if (name === undefined || known.includes(name)) return []
  const near = nearest(name, known)
  const hint = near === undefined ? `known are ${known.slice(0, 24).join(', ')}` : `did you mean "${near}"?`
  return [{ path, message: `there is no ${kind} named ${JSON.stringify(name)}; ${hint}` }]
}

/** A case that can never pass is as worthless as one that can never fail. */
function checkExpectation({ status, reason, route }: Expectation, at: Path, { routes }: Known): readonly Problem[] {
  const answered = reason === undefined ? undefined : reason === 'allowed' ? 200 : answers[reason].status
  const contradiction = status !== undefined && answered !== undefined && status !== answered
  return [
    ...(contradiction
      ? [{ path: [...at, 'expect', 'status'], message: `${reason} is answered ${answered}, so this can never pass` }]
      : []),
    ...unknown('route', route, routes, [...at, 'expect', 'route']),
  ]
}
