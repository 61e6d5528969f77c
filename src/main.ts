#!/usr/bin/env node
import { readFileSync } from 'node:fs'
/** The composition root: puts the process around the command line, and is alone in ending it. */
import { homedir, userInfo } from 'node:os'
import { argv, exit, platform, stderr, stdin, stdout } from 'node:process'
import { during } from './base/trace.ts'
import { COMMANDS } from './cli/commands/index.ts'
import type { Surroundings } from './cli/context.ts'
import { defaultLocations, type Environment, variable } from './cli/locations.ts'
import { EXIT_CLOSED_PIPE, EXIT_OK, exitStatus, isClosedPipe, renderError } from './cli/output/errors.ts'
import { safeText } from './cli/output/safe-text.ts'
import { givenArguments, givenEnvironment } from './cli/process-texts.ts'
import { buildProgram, fetchesWal, runProgram, wantsJson } from './cli/program.ts'
import { recordTrace } from './cli/trace-file.ts'
import { SnapError } from './model/errors.ts'

/** After a second signal nothing is waited for any more. */
const EXIT_NOW = 130

async function main(): Promise<number> {
  const shown = argv.slice(2)
  const output = { json: wantsJson(shown), verbosity: verbosity(shown), fetchesWal: fetchesWal(shown) }
  const signal = interruption()
  const printing = { isNeeded: true }
  stdout.on('error', (cause) => {
    if (!printing.isNeeded) return
    if (isClosedPipe(cause)) exit(EXIT_CLOSED_PIPE)
    const error = new SnapError('TARGET_UNWRITABLE', `standard output cannot be written: ${cause.message}`, {
      hint: 'What was saved or restored before stays. Run the command again with its output elsewhere.',
      cause,
    })
    stderr.write(renderError(error, output))
    exit(exitStatus(error, output))
  })
  // Nobody reads the warnings: the status still says how it went.
  stderr.on('error', () => undefined)
  try {
    const args = givenArguments()
    const env = givenEnvironment()
    const surroundings: Surroundings = {
      env,
      stdout,
      stderr,
      stdin,
      clock: { now: () => Date.now() },
      version: version(),
      locations: defaultLocations({ platform, home: home(env), env }),
      signal,
      printing,
    }
    const writeTrace = recordTrace(env)
    process.once('exit', () => {
      const failure = writeTrace?.()
      if (failure !== undefined) stderr.write(`warning: ${safeText(failure)}\n`)
    })
    await during('command', () =>
      runProgram(buildProgram(COMMANDS, surroundings, surroundings.version), args),
    )
    return EXIT_OK
  } catch (error) {
    if (isClosedPipe(error)) return EXIT_CLOSED_PIPE
    stderr.write(renderError(error, output))
    return exitStatus(error, output)
  }
}

/** Aborted by the first SIGINT or SIGTERM; the second ends the process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  const interrupt = (signal: string): void => {
    if (controller.signal.aborted) endNow()
    controller.abort(
      new SnapError('INTERRUPTED', `ended by ${signal}`, {
        hint: 'Nothing has to be cleaned up: run the same command again, and what was done already is not done twice.',
      }),
    )
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  // The terminal has gone. Who listens for it himself, as the daemon, means something else by it. (Node does not leave it ignored under
  // nohup: without a listener the process would end at once.)
  process.on('SIGHUP', () => {
    if (process.listenerCount('SIGHUP') === 1) interrupt('SIGHUP')
  })
  return controller.signal
}

/** By the signal itself: `exit` waits for threads, and one may read what never answers. A shell shows the same status. */
function endNow(): void {
  process.removeAllListeners('SIGINT')
  process.kill(process.pid, 'SIGINT')
  exit(EXIT_NOW)
}

/** The user's, also where HOME is empty or the user has no name; else nothing is found by default, and it is `/`. */
function home(env: Environment): string {
  try {
    return (platform === 'linux' ? variable(env, 'HOME') : undefined) || homedir() || userInfo().homedir
  } catch {
    return '/'
  }
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function verbosity(args: readonly string[]): number {
  return args.filter((arg) => /^-v+$|^--verbose$/.test(arg)).length
}

/** What was written to a pipe is still on its way when `write` returns. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}

const status = await main()
await Promise.all([flushed(stdout), flushed(stderr)])
// Whatever a library may still hold open does not keep a finished command from ending.
exit(status)
