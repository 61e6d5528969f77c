/**
 * Arguments and paths of the environment as they were given. Node decodes both as UTF-8, with loss where they are not; Linux
 * still has their bytes, which become names as `base/names.ts` has them.
 */
import { readFileSync } from 'node:fs'
import { argv, platform, env as processEnv } from 'node:process'
import { nameFromBytes } from '../base/names.ts'
import { SnapError } from '../model/errors.ts'
import type { Environment } from './locations.ts'

const REPLACEMENT = '\ufffd'
/** Of all others, passwords among them, what Node makes of them is what counts. */
const PATHS =
  /^(?:HOME|XDG_(?:DATA|CONFIG|CACHE|STATE)_HOME|SNAP_(?:REPOSITORY|KEY_FILE|TO_KEY_FILE|TO_PASSWORD_FILE|CACHE_DIR|STATE_DIR|CONFIG|PASSWORD_FILE|TRACE))$/

/** Without node and script. `USAGE` where an argument is not UTF-8 and its bytes cannot be had. */
export function givenArguments(): string[] {
  const args = argv.slice(2)
  if (!args.some(isLossy)) return args
  const given = bytesOf('/proc/self/cmdline').slice(-args.length)
  return args.map((text, index) => {
    const bytes = given[index]
    if (bytes?.toString('utf8') === text) return nameFromBytes(bytes)
    throw notHad('an argument is')
  })
}

/** `USAGE` where a path in it is not UTF-8 and its bytes cannot be had. */
export function givenEnvironment(): Environment {
  const lossy = Object.entries(processEnv).filter(
    ([name, text]) => PATHS.test(name) && text !== undefined && isLossy(text),
  )
  if (lossy.length === 0) return processEnv
  const given = bytesOf('/proc/self/environ')
  const meant = lossy.map(([name, text]) => {
    const bytes = given.find((one) => one.toString('utf8') === `${name}=${text}`)
    if (bytes === undefined) throw notHad(`${name} is`)
    return [name, nameFromBytes(bytes.subarray(name.length + 1))] as const
  })
  return { ...processEnv, ...Object.fromEntries(meant) }
}

const isLossy = (text: string): boolean => platform === 'linux' && text.includes(REPLACEMENT)

/** Texts with a NUL behind each; none where the system does not say. */
function bytesOf(file: string): Buffer[] {
  try {
    const parts = readFileSync(file, 'latin1').split('\0')
    return parts.slice(0, -1).map((part) => Buffer.from(part, 'latin1'))
  } catch {
    return []
  }
}

function notHad(what: string): SnapError {
  return new SnapError('USAGE', `${what} not UTF-8, and its bytes cannot be read`, {
    hint: 'Mount /proc, or give the name in UTF-8.',
  })
}
