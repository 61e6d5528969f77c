/** Asks as `snap` does, and prints what it got in hex: the program that the terminal tests drive. */
import { askNewSecret, findSecret } from '../../src/cli/password.ts'
import { SnapError } from '../../src/model/errors.ts'

const sources = {
  env: {},
  warn: () => {},
  terminal: process.stdin.isTTY ? { input: process.stdin, output: process.stderr } : undefined,
}
try {
  const secret = await (process.argv[2] === 'new' ? askNewSecret(sources) : findSecret(sources))
  if (secret.kind === 'password') process.stdout.write(`got ${Buffer.from(secret.bytes).toString('hex')}.\n`)
} catch (error) {
  if (!(error instanceof SnapError)) throw error
  process.stdout.write(`${error.code}: ${error.message}\n`)
  process.exitCode = 1
}
