#!/usr/bin/env node
import { readFileSync } from 'node:fs'
/** The composition root: puts the process around the command line, and is alone in ending it. */
import { homedir } from 'node:os'
import { argv, env, exit, platform, stderr, stdin, stdout } from 'node:process'
import { COMMANDS } from './cli/commands/index.ts'
import type { Surroundings } from './cli/context.ts'
import { defaultLocations } from './cli/locations.ts'
import { EXIT_OK, exitStatus, isClosedPipe, renderError } from './cli/output/errors.ts'
import { buildProgram, runProgram, wantsJson } from './cli/program.ts'
import { SnapError } from './model/errors.ts'

/** After a second signal nothing is waited for any more. */
const EXIT_NOW = 130

async function main(): Promise<number> {
  const args = argv.slice(2)
  const surroundings: Surroundings = {
    env,
    stdout,
    stderr,
    stdin,
    clock: { now: () => Date.now() },
    version: version(),
    locations: defaultLocations({ platform, home: homedir(), env }),
    signal: interruption(),
  }
  stdout.on('error', (error) => {
    if (isClosedPipe(error)) exit(EXIT_OK)
    throw error
  })
  try {
    await runProgram(buildProgram(COMMANDS, surroundings, surroundings.version), args)
    return EXIT_OK
  } catch (error) {
    if (isClosedPipe(error)) return EXIT_OK
    stderr.write(renderError(error, { json: wantsJson(args), verbosity: verbosity(args) }))
    return exitStatus(error)
  }
}

/** Aborted by the first SIGINT or SIGTERM; the second ends the process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  const interrupt = (signal: string): void => {
    if (controller.signal.aborted) exit(EXIT_NOW)
    controller.abort(
      new SnapError('INTERRUPTED', `ended by ${signal}`, {
        hint: 'Nothing has to be cleaned up: run the same command again, and what was stored is not stored twice.',
      }),
    )
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return controller.signal
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
