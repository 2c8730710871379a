#!/usr/bin/env node
// Runs the service with a Node that can: the one at hand when it is new enough, else the one that came as a package.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
// The package holds what was compiled and no sources. In a checkout the sources are what counts: what was compiled there
// is as old as the last package.
const source = join(root, 'src', 'main.ts')
const entry = existsSync(source) ? source : join(root, 'dist', 'src', 'main.js')

function fits(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > 24 || (major === 24 && minor >= 12)
}

function findNode() {
  if (fits(process.versions.node)) return process.execPath
  try {
    const arch = process.arch === 'arm64' ? 'arm64' : 'x64'
    return join(dirname(createRequire(import.meta.url).resolve(`node-linux-${arch}/package.json`)), 'bin', 'node')
  } catch {
    process.stderr.write(
      `envoy-fapi needs Node 24.12 or newer; this is ${process.versions.node} and no newer one was installed with it\n`,
    )
    process.exit(2)
  }
}

const child = spawn(findNode(), [entry, ...process.argv.slice(2)], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(3)
})
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal)
  else process.exit(code ?? 3)
})
